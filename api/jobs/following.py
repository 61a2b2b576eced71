"""A job's events: what stands in the database, so that it can be left and read on, at any replica."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncGenerator

from api.jobs.schemas import JobProgress
from api.web.following import Told, as_events
from cluster.following import Glance, follow
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
        job, _ = await self._read(after)
        return job.state in ENDED and job.changes <= after

    def told(self, after: int) -> AsyncGenerator[Told | None, None]:
        """Those behind the number ``after``, until the job has ended or is gone; None after each ``jobs.keepalive_s`` of silence."""
        return follow(self, after, look_s=self._settings.look_s, keepalive_s=self._settings.keepalive_s)

    def events(self, after: int) -> AsyncGenerator[bytes, None]:
        """The same as server-sent events."""
        return as_events(self.told(after))

    async def look(self, after: int) -> Glance[Told]:
        job, events = await self._read(after)
        more = len(events) == BATCH
        behind = events[-1].number if more else max(after, job.changes)
        return Glance(_told(job, events, after), behind, more, job.state in ENDED)

    async def pause(self, seconds: float) -> None:
        await asyncio.sleep(seconds)

    async def _read(self, after: int) -> tuple[Job, list[JobEvent]]:
        """The row, and the events that it knew of: one that appears in between has its turn the next time."""
        async with self._database.session() as session:
            jobs = Jobs(session)
            job = await jobs.get(self._organisation_id, self._job_id)
            events = list(await jobs.events(job.id, after, BATCH)) if job.changes > after else []
            return job, [event for event in events if event.number <= job.changes]


def _told(job: Job, events: list[JobEvent], after: int) -> list[Told]:
    """Events, and where changes had none, progress as it is now: behind them, but before what came last, so that the end is the end."""
    told: list[Told] = [(event.number, {"type": event.kind, "time": event.created_at, **event.data}) for event in events]
    if job.changes - after <= len(events) or len(events) == BATCH:
        return told
    latest = bool(events) and events[-1].number == job.changes
    progress = {"type": "progress", **JobProgress.of(job).model_dump()}
    told.insert(len(told) - latest, (job.changes - latest, progress))
    return told
