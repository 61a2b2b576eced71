"""A run as it goes: its events, which can be left and read on at any replica, and what its models say meanwhile."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select

from cluster.errors import NotFound
from cluster.following import Glance, follow
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
        glance = await self.look(after)
        return glance.over and glance.after <= after

    async def events(self, after: int) -> AsyncGenerator[Told, None]:
        """Events behind the number ``after`` and pieces as they come, until the run has ended or is gone. A run that waits is still there:
        its event says so, and the stream goes on when it does."""
        async with self._ears.listening(self._run_id) as pieces:
            heard = _Heard(self, pieces)
            source = follow(heard, after, look_s=self._settings.look_s, keepalive_s=self._settings.keepalive_s)
            async with aclosing(source) as followed:
                async for told in followed:
                    yield Silence() if told is None else told

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

    async def look(self, after: int) -> Glance[Event]:
        """The events that the run knew of: one that appears in between has its turn the next time. Raises NotFound."""
        about = select(GraphRun.state, GraphRun.changes)
        about = about.where(GraphRun.id == self._run_id, GraphRun.organisation_id == self._organisation_id)
        async with self._database.session() as session:
            row = (await session.execute(about)).one_or_none()
            if row is None:
                raise NotFound(f"There is no run '{self._run_id}'; `hearth graph runs` lists those there are.")
            if row.changes <= after:
                return Glance([], after, more=False, over=row.state in ENDED)
            numbers = GraphEvent.number > after, GraphEvent.number <= row.changes
            chosen = select(GraphEvent).where(GraphEvent.run_id == self._run_id, *numbers).order_by(GraphEvent.number).limit(BATCH)
            events = [Event(one.number, one.created_at, one.kind, one.data) for one in (await session.scalars(chosen)).all()]
        more = len(events) == BATCH
        return Glance(events, events[-1].number if more else row.changes, more, row.state in ENDED)


class _Heard:
    """A run, and what its models say while somebody listens."""

    def __init__(self, run: RunFollower, pieces: Pieces) -> None:
        self._run = run
        self._pieces = pieces

    async def look(self, after: int) -> Glance[Event | Piece]:
        glance = await self._run.look(after)
        # Said before what was written: a node's pieces come before its end.
        return Glance([*self._pieces.take(), *glance.told], glance.after, glance.more, glance.over)

    async def pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._pieces.changed.wait()
