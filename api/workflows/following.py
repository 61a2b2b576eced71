"""A run's events: what stands in the database, and what models say at this moment."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator

from api.web.following import Glance, Told, as_events, follow
from api.workflows.install import Graphs
from cluster.graphs.runs import Runs
from cluster.graphs.standing import Standing, standing
from cluster.graphs.table import GraphEvent

BATCH = 500


class RunFollower:
    """Looks every ``graphs.look_s`` seconds, in a transaction of a moment each."""

    def __init__(self, graphs: Graphs, organisation_id: uuid.UUID, run_id: uuid.UUID) -> None:
        self._graphs = graphs
        self._settings = graphs.parts.settings.graphs
        self._organisation_id = organisation_id
        self._run_id = run_id

    async def over(self, after: int) -> bool:
        """Whether there is nothing behind the event ``after``, and nothing to come. Raises NotFound."""
        run, _ = await self._read(after)
        return run.ended and run.changes <= after

    def told(self, after: int) -> AsyncGenerator[Told | None, None]:
        """Those behind the number ``after``, until the run has ended or is gone; None after each ``graphs.keepalive_s`` of silence."""
        return follow(self, after, look_s=self._settings.look_s, keepalive_s=self._settings.keepalive_s)

    def events(self, after: int) -> AsyncGenerator[bytes, None]:
        """The same as server-sent events."""
        return as_events(self.told(after))

    async def look(self, after: int) -> Glance:
        run, events = await self._read(after)
        more = len(events) == BATCH
        behind = events[-1].number if more else max(after, run.changes)
        told: list[Told] = [(event.number, {"type": event.kind, "time": event.created_at, **event.data}) for event in events]
        return Glance(told, behind, more, run.ended)

    async def pause(self, seconds: float) -> list[Told]:
        await asyncio.sleep(seconds)
        return []

    async def _read(self, after: int) -> tuple[Standing, list[GraphEvent]]:
        """How it stands, and the events that this knows of: one that appears in between has its turn the next time."""
        async with self._graphs.parts.stores.database.session() as session:
            run = await standing(session, self._organisation_id, self._run_id)
            events = list(await Runs(session, self._settings).events(self._run_id, after, BATCH)) if run.changes > after else []
            return run, [event for event in events if event.number <= run.changes]
