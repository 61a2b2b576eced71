"""A job as server-sent events: what stands in the database, so that it can be left and read on, at any replica."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator
from typing import Any

from pydantic_core import to_json

from api.jobs.schemas import JobProgress
from cluster.errors import NotFound
from cluster.jobs.states import ENDED
from cluster.jobs.store import Jobs
from cluster.jobs.table import Job, JobEvent
from cluster.settings import JobSettings
from cluster.stores.sql import Database

BATCH = 500


class Follower:
    """Looks every ``jobs.look_s`` seconds, in a transaction of a moment each; a waiting reader holds no connection."""

    def __init__(self, database: Database, settings: JobSettings, organisation_id: uuid.UUID, job_id: uuid.UUID) -> None:
        self._database = database
        self._settings = settings
        self._organisation_id = organisation_id
        self._job_id = job_id

    async def over(self, after: int) -> bool:
        """Whether there is nothing behind the event ``after``, and nothing to come. Raises NotFound."""
        job, _ = await self._look(after)
        return job.state in ENDED and job.changes <= after

    async def events(self, after: int) -> AsyncGenerator[bytes, None]:
        """Those behind the number ``after``, until the job has ended or is gone; a comment after each ``jobs.keepalive_s`` of silence."""
        now, spoken = asyncio.get_running_loop().time, asyncio.get_running_loop().time()
        while True:
            try:
                job, events = await self._look(after)
            except NotFound:
                return
            for piece in _pieces(job, events, after):
                yield piece
                spoken = now()
            more = len(events) == BATCH
            after = events[-1].number if more else max(after, job.changes)
            if job.state in ENDED and not more:
                return
            if now() - spoken >= self._settings.keepalive_s:
                yield b": still here\n\n"
                spoken = now()
            if not more:
                await asyncio.sleep(min(self._settings.look_s, self._settings.keepalive_s))

    async def _look(self, after: int) -> tuple[Job, list[JobEvent]]:
        """The row, and the events that it knew of: one that appears in between has its turn the next time."""
        async with self._database.session() as session:
            jobs = Jobs(session)
            job = await jobs.get(self._organisation_id, self._job_id)
            events = list(await jobs.events(job.id, after, BATCH)) if job.changes > after else []
            return job, [event for event in events if event.number <= job.changes]


def _pieces(job: Job, events: list[JobEvent], after: int) -> list[bytes]:
    """Events, and where changes had none, progress as it is now: behind them, but before what came last, so that the end is the end."""
    told = [_piece(event.number, {"type": event.kind, "time": event.created_at, **event.data}) for event in events]
    if job.changes - after <= len(events) or len(events) == BATCH:
        return told
    latest = bool(events) and events[-1].number == job.changes
    progress = _piece(job.changes - latest, {"type": "progress", **JobProgress.of(job).model_dump()})
    told.insert(len(told) - latest, progress)
    return told


def _piece(number: int, content: dict[str, Any]) -> bytes:
    return b"id: %d\ndata: %s\n\n" % (number, to_json(content))
