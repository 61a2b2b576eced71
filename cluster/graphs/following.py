"""A run as it goes: its events, which can be left and read on at any replica, and what its models say meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from cluster.errors import NotFound
from cluster.graphs.live import LiveEars, Piece, Pieces
from cluster.graphs.states import ENDED
from cluster.graphs.table import GraphEvent, GraphRun
from cluster.settings import GraphSettings
from cluster.stores.sql import Database

BATCH = 500


@dataclass(frozen=True, slots=True)
class Event:
    """What happened, for good. ``number`` is where to read on."""

    number: int
    at: datetime
    kind: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing for ``graphs.keepalive_s`` seconds; the run is still there."""


Told = Event | Piece | Silence
_UNDER_WAY = "SELECT FROM graph_runs WHERE id = %(run)s AND organisation_id = %(organisation)s AND state <> ALL(%(ended)s)"


class RunFollower:
    """Looks when it is told to, and every ``graphs.look_s`` seconds, in a transaction of a moment each; a waiting reader holds no
    connection, and a slow one misses pieces, never events."""

    def __init__(self, database: Database, ears: LiveEars, settings: GraphSettings, organisation_id: uuid.UUID, run_id: uuid.UUID) -> None:
        self._database = database
        self._ears = ears
        self._settings = settings
        self._organisation_id = organisation_id
        self._run_id = run_id

    async def over(self, after: int) -> bool:
        """Whether there is nothing behind the event ``after``, and nothing to come. Raises NotFound."""
        ended, latest, _ = await self._look(after)
        return ended and latest <= after

    async def events(self, after: int) -> AsyncGenerator[Told, None]:
        """Events behind the number ``after`` and pieces as they come, until the run has ended or is gone. A run that waits is still there:
        its event says so, and the stream goes on when it does."""
        async with self._ears.listening(self._run_id) as pieces:
            spoken = _now()
            while True:
                try:
                    ended, latest, events = await self._look(after)
                except NotFound:
                    return
                # Said before what was written: a node's pieces come before its end.
                new: list[Told] = [*pieces.take(), *events]
                for told in new:
                    yield told
                    spoken = _now()
                more = len(events) == BATCH
                after = events[-1].number if more else max(after, latest)
                if ended and not more:
                    return
                if not more and not await self._pause(pieces, spoken):
                    yield Silence()
                    spoken = _now()

    async def until_ended(self) -> None:
        """Returns when it has ended or is gone. Steps wake nobody who waits like this: only what happens to the run itself does."""
        about = {"run": self._run_id, "organisation": self._organisation_id, "ended": sorted(ENDED)}
        async with self._ears.listening(self._run_id) as pieces:
            await self._ears.ready()
            while True:
                pieces.turned.clear()
                if await self._database.straight.one(_UNDER_WAY, about) is None:
                    return
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._settings.look_s):
                        await pieces.turned.wait()

    async def _pause(self, pieces: Pieces, spoken: float) -> bool:
        """Until there is something new, or it is time to look; False when there was silence for too long."""
        left = self._settings.keepalive_s - (_now() - spoken)
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, min(self._settings.look_s, left))):
                await pieces.changed.wait()
        return pieces.changed.is_set() or _now() - spoken < self._settings.keepalive_s

    async def _look(self, after: int) -> tuple[bool, int, list[Event]]:
        """Whether it has ended, its latest number, and the events that it knew of: one that appears in between has its turn next time."""
        about = select(GraphRun.state, GraphRun.changes)
        about = about.where(GraphRun.id == self._run_id, GraphRun.organisation_id == self._organisation_id)
        async with self._database.session() as session:
            row = (await session.execute(about)).one_or_none()
            if row is None:
                raise NotFound(f"There is no run '{self._run_id}'; `hearth graph runs` lists those there are.")
            if row.changes <= after:
                return row.state in ENDED, row.changes, []
            numbers = GraphEvent.number > after, GraphEvent.number <= row.changes
            chosen = select(GraphEvent).where(GraphEvent.run_id == self._run_id, *numbers).order_by(GraphEvent.number).limit(BATCH)
            events = [Event(one.number, one.created_at, one.kind, one.data) for one in (await session.scalars(chosen)).all()]
        return row.state in ENDED, row.changes, events


def _now() -> float:
    return asyncio.get_running_loop().time()
