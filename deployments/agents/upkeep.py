"""What is removed in time: checkpoints beyond their number and age, and runs that ended long ago."""

from __future__ import annotations

import time

import structlog

from cluster.graphs.checkpoints import Checkpoints
from cluster.graphs.runs import Runs
from cluster.settings import Settings
from cluster.stores.sql import Database

log = structlog.get_logger(__name__)

EVERY_S = 3600.0


class Upkeep:
    def __init__(self, database: Database, checkpoints: Checkpoints, settings: Settings) -> None:
        self._database = database
        self._checkpoints = checkpoints
        self._settings = settings
        self._done = float("-inf")

    async def turn(self) -> None:
        """Once an hour. Raises what the database raises."""
        if time.monotonic() - self._done < EVERY_S:
            return
        self._done = time.monotonic()
        async with self._database.session() as session:
            runs = await Runs(session, self._settings.graphs).remove_lapsed()
        threads = await self._checkpoints.remove_lapsed()
        if runs or threads:
            log.info("old runs removed", runs=runs, threads_of_checkpoints=threads)
