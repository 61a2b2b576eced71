"""Jobs as people know them: asked for, found, cancelled, tried again, removed. What others write is in ``attempts.py``."""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, func, insert, select, tuple_

from cluster.errors import BadInput, NotFound, TooLarge
from cluster.jobs.changes import JOBS
from cluster.jobs.kinds import Kinds
from cluster.jobs.states import ENDED, JobState
from cluster.jobs.table import Job, JobEvent
from cluster.settings import JobSettings
from cluster.specs.loader import nearest
from cluster.stores.sql import AsyncSession

PRIORITIES = range(-100, 101)


@dataclass(frozen=True, slots=True)
class NewJob:
    """What is to be done for whom. ``priority``: higher goes first."""

    kind: str
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    spec: dict[str, Any] = field(default_factory=dict)
    priority: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: any. ``before``: the last one of the page before."""

    state: JobState | None = None
    kind: str | None = None
    before: tuple[datetime, uuid.UUID] | None = None


# When a line was written, in which job, and its number there.
Line = tuple[datetime, uuid.UUID, int]


class Jobs:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def enqueue(self, new: NewJob, kinds: Kinds, settings: JobSettings) -> Job:
        """A queued job. It starts once the transaction is committed, so that it finds what was written with it. Raises BadInput for a kind
        that does not exist, TooLarge for a spec over ``jobs.spec_bytes``."""
        if new.kind not in kinds:
            hint = nearest(new.kind, kinds)
            raise BadInput(f"There are no jobs of kind '{new.kind[:100]}'" + (f"; did you mean '{hint}'?" if hint else ".")).about("kind")
        if new.priority not in PRIORITIES:
            raise BadInput(f"'priority' must be from {PRIORITIES.start} to {PRIORITIES.stop - 1}.").about("priority")
        refuse_large(new.spec, settings, "The description of the job")
        values = {"id": uuid.uuid4(), "kind": new.kind, "spec": new.spec, "priority": new.priority, "changes": 1}
        statement = insert(Job).values(**values, organisation_id=new.organisation_id, owner_id=new.owner_id).returning(Job)
        job = (await self._session.scalars(statement)).one()
        await JOBS.tell(self._session, job.id, job.changes, "state", {"state": JobState.QUEUED.value, "attempt": 0})
        return job

    async def get(self, organisation_id: uuid.UUID, job_id: uuid.UUID, *, lock: bool = False) -> Job:
        """Raises NotFound, also for one of another organisation."""
        chosen = select(Job).where(Job.id == job_id, Job.organisation_id == organisation_id)
        chosen = chosen.with_for_update() if lock else chosen
        job = (await self._session.scalars(chosen, execution_options={"populate_existing": True})).one_or_none()
        if job is None:
            raise NotFound(f"There is no job '{job_id}'; GET /api/v1/jobs lists those there are.")
        return job

    async def page(self, organisation_id: uuid.UUID, wanted: Wanted, most: int) -> Sequence[Job]:
        """The newest first."""
        chosen = select(Job).where(Job.organisation_id == organisation_id).order_by(Job.created_at.desc(), Job.id.desc()).limit(most)
        if wanted.state is not None:
            chosen = chosen.where(Job.state == wanted.state.value)
        if wanted.kind is not None:
            chosen = chosen.where(Job.kind == wanted.kind)
        if wanted.before is not None:
            chosen = chosen.where(tuple_(Job.created_at, Job.id) < wanted.before)
        return (await self._session.scalars(chosen)).all()

    async def events(self, job_id: uuid.UUID, after: int, most: int, kind: str | None = None) -> Sequence[JobEvent]:
        """Those with a number above ``after``, in order."""
        chosen = select(JobEvent).where(JobEvent.job_id == job_id, JobEvent.number > after).order_by(JobEvent.number).limit(most)
        if kind is not None:
            chosen = chosen.where(JobEvent.kind == kind)
        return (await self._session.scalars(chosen)).all()

    async def lines(self, organisation_id: uuid.UUID, kind: str | None, before: Line | None, most: int) -> Sequence[tuple[JobEvent, str]]:
        """What all jobs (of ``kind``) wrote in their logs, the latest first, each with the kind of its job."""
        place = (JobEvent.created_at, JobEvent.job_id, JobEvent.number)
        chosen = select(JobEvent, Job.kind).join(Job, Job.id == JobEvent.job_id).where(Job.organisation_id == organisation_id)
        chosen = chosen.where(JobEvent.kind == "log").order_by(*(column.desc() for column in place)).limit(most)
        if kind is not None:
            chosen = chosen.where(Job.kind == kind)
        if before is not None:
            chosen = chosen.where(tuple_(*place) < before)
        return [(row[0], row[1]) for row in await self._session.execute(chosen)]

    async def cancel(self, job: Job) -> Job:
        """A queued job is cancelled at once; a running one is asked to stop, and is cancelled when its process has ended. One that has
        ended, or was asked already, stays as it is. ``job`` is locked."""
        if job.state == JobState.QUEUED:
            return await JOBS.move(self._session, job.id, JobState.CANCELLED, cancel_requested_at=func.now()) or job
        if job.state != JobState.RUNNING or job.cancel_requested_at is not None:
            return job
        asked = await JOBS.change(self._session, job.id, cancel_requested_at=func.now(), looked_at=None, changes=Job.changes + 1)
        assert asked is not None
        await JOBS.tell(
            self._session, asked.id, asked.changes, "state", {"state": asked.state, "attempt": asked.attempt, "reason": "cancelling"}
        )
        return asked

    async def retry(self, job: Job) -> Job | None:
        """Queued again, with what it had reached; None unless it has failed or was cancelled."""
        now = func.now()
        return await JOBS.move(
            self._session,
            job.id,
            JobState.QUEUED,
            Job.state != JobState.RUNNING.value,
            reason="tried again",
            tries=0,
            queued_at=now,
            not_before=now,
            **dict.fromkeys(("submission_id", "started_at", "finished_at", "cancel_requested_at", "error", "result")),
        )

    async def remove(self, job: Job) -> bool:
        """With its events; False unless it has ended."""
        gone = delete(Job).where(Job.id == job.id, Job.state.in_([state.value for state in ENDED])).returning(Job.id)
        return await self._session.scalar(gone) is not None

    async def remove_lapsed(self, kept: timedelta) -> int:
        """Removes what ended longer than ``kept`` ago; how many there were."""
        gone = delete(Job).where(Job.finished_at < func.now() - kept, Job.state.in_([state.value for state in ENDED])).returning(Job.id)
        return len((await self._session.scalars(gone)).all())


def refuse_large(value: dict[str, Any] | None, settings: JobSettings, what: str) -> None:
    """Raises TooLarge for JSON over ``jobs.spec_bytes``, BadInput for what is not JSON."""
    try:
        size = len(json.dumps(value, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise BadInput(f"{what} is not JSON: {error}.") from None
    if size > settings.spec_bytes:
        raise TooLarge(f"{what} has {size} bytes, at most {int(settings.spec_bytes)} are taken (setting jobs.spec_bytes).")
