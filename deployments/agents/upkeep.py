"""What is removed in time: runs that ended long ago, their checkpoints, and whatever else was left behind."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping

import structlog

from cluster.graphs.runs import Runs
from cluster.settings import GraphSettings
from cluster.stores.sql import Database

log = structlog.get_logger(__name__)

EVERY_S = 3600.0
# Removes what is too old, and says how many there were.
Chore = Callable[[], Awaitable[int]]


class Upkeep:
    """``chores``: by what they remove."""

    def __init__(self, chores: Mapping[str, Chore]) -> None:
        self._chores = chores
        self._done = float("-inf")

    async def turn(self) -> None:
        """Once an hour, from the beginning on. Raises what a chore raises; then it is their turn again in an hour."""
        if time.monotonic() - self._done < EVERY_S:
            return
        self._done = time.monotonic()
        removed = {name: count for name, chore in self._chores.items() if (count := await chore())}
        if removed:
            log.info("what was too old is removed", **removed)


async def remove_old_runs(database: Database, settings: GraphSettings) -> int:
    async with database.session() as session:
        return await Runs(session, settings).remove_lapsed()
