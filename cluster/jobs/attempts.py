"""Jobs as processes and dispatchers know them. Everything is guarded by the attempt: once the row has moved on, nothing is written.

Times and ages are the database's: the clocks of several machines do not agree.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import Float, Interval, cast, exists, extract, func, or_, select, update
from sqlalchemy.orm import aliased

from cluster.jobs.changes import JOBS
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.settings import JobSettings
from cluster.stores.guarded import Guard
from cluster.stores.sql import AsyncSession, Database
from cluster.stores.turns import next_ones

# Any number, the same for every Hearth: PostgreSQL's advisory lock under which jobs are claimed, so that running ones are counted truly.
CLAIMING = 48_880
LONGEST_WAIT_S = 600.0
LONGEST_PAUSE = "10s"


@dataclass(frozen=True, slots=True)
class Progress:
    """``total`` None: not known."""

    done: int = 0
    total: int | None = None
    unit: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class Running:
    """A running row, and how many seconds ago things happened to it; None: not yet."""

    job: Job
    claimed_s: float
    beaten_s: float | None
    cancelling_s: float | None


class Attempts:
    """Each method is one transaction."""

    def __init__(self, database: Database, settings: JobSettings) -> None:
        self._database = database
        self._settings = settings

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        """One that PostgreSQL ends when its process is paused in the middle: it holds locks that those need who are to notice."""
        async with self._database.session() as session:
            await session.execute(select(func.set_config("idle_in_transaction_session_timeout", LONGEST_PAUSE, True)))
            yield session

    async def claim(self) -> Sequence[Job]:
        """Queued jobs whose turn it is, now running: by priority, then age, as far as the limits go. One that says the same as a running
        one of its organisation waits for its end. Several callers at once claim different jobs and together stay within the limits."""
        async with self._transaction() as session:
            if not await session.scalar(select(func.pg_try_advisory_xact_lock(CLAIMING))):
                return []
            chosen = await self._next(session)
            return [job for job_id in chosen if (job := await self._take(session, job_id)) is not None]

    async def _next(self, session: AsyncSession) -> Sequence[uuid.UUID]:
        running = await session.scalar(select(func.count()).select_from(Job).where(Job.state == JobState.RUNNING.value)) or 0
        free = self._settings.concurrent - running
        return await next_ones(session, Job, free, self._settings.concurrent_per_organisation, ready=~_repeats())

    async def _take(self, session: AsyncSession, job_id: uuid.UUID, **values: Any) -> Job | None:
        now = func.now()
        submission = func.concat(Job.id, "-", Job.attempt + 1)
        fresh = {"submission_id": submission, "started_at": None, "heartbeat_at": None} | values
        counted = {"attempt": Job.attempt + 1, "tries": Job.tries + 1}
        queued = Job.state == JobState.QUEUED.value
        return await JOBS.move(session, job_id, JobState.RUNNING, queued, claimed_at=now, looked_at=now, **counted, **fresh)

    async def begin(self, job_id: uuid.UUID, attempt: int | None, submission_id: str | None = None) -> Job | None:
        """A process begins: the one of ``attempt``, or, with None, one that a person started for a queued job, which Ray knows as
        ``submission_id``. None when it is not (or no longer) this process's to do."""
        now = func.now()
        async with self._transaction() as session:
            if attempt is None:
                return await self._take(session, job_id, submission_id=submission_id, started_at=now, heartbeat_at=now)
            return await JOBS.change(session, job_id, *_mine(attempt), Job.started_at.is_(None), started_at=now, heartbeat_at=now)

    async def beat(self, job_id: uuid.UUID, attempt: int) -> Job | None:
        async with self._transaction() as session:
            return await JOBS.change(session, job_id, *_mine(attempt), heartbeat_at=func.now())

    async def report(self, job_id: uuid.UUID, attempt: int, progress: Progress, checkpoint: dict[str, Any] | None) -> Job | None:
        """``checkpoint`` None: as it was."""
        told = {"done": progress.done, "total": progress.total, "unit": progress.unit[:64], "stage": progress.stage[:200]}
        kept = {} if checkpoint is None else {"checkpoint": checkpoint}
        async with self._transaction() as session:
            values = {"heartbeat_at": func.now(), "changes": Job.changes + 1}
            return await JOBS.change(session, job_id, *_mine(attempt), **values, **told, **kept)

    async def log(self, job_id: uuid.UUID, attempt: int, text: str) -> Job | None:
        """Beyond ``jobs.log_lines`` lines are no longer kept, and the last one says so."""
        async with self._transaction() as session:
            values = {"heartbeat_at": func.now(), "changes": Job.changes + 1, "logged": Job.logged + 1}
            job = await JOBS.change(session, job_id, *_mine(attempt), **values)
            over = job.logged - self._settings.log_lines if job is not None else 0
            if job is not None and over <= 1:
                more = "More lines follow in Ray's log of the process (setting jobs.log_lines)."
                # PostgreSQL's JSON takes no NUL.
                kept = text.replace("\x00", "\ufffd")[: self._settings.log_line_chars]
                await JOBS.tell(session, job.id, job.changes, "log", {"text": more if over == 1 else kept})
            return job

    async def end(self, job_id: uuid.UUID, attempt: int, state: JobState, **values: Any) -> Job | None:
        """Written once: None when the row had left this attempt before."""
        async with self._transaction() as session:
            return await JOBS.move(session, job_id, state, *_mine(attempt), **values)

    async def resume(self, job: Job, reason: str) -> Job | None:
        """Its process is gone: queued again for after a while, or failed with the reason when that has happened too often."""
        if job.tries >= self._settings.max_attempts:
            failure = f"{reason} It was tried {job.tries} times (setting jobs.max_attempts)."
            return await self.end(job.id, job.attempt, JobState.FAILED, error=failure)
        wait = min(self._settings.resume_wait_s * 2.0 ** (job.tries - 1), LONGEST_WAIT_S)
        later = func.now() + cast(timedelta(seconds=wait), Interval)
        return await self.end(job.id, job.attempt, JobState.QUEUED, reason=reason, submission_id=None, not_before=later)

    async def due(self) -> Sequence[Running]:
        """Running jobs that nobody has compared with Ray for a while. Several callers at once get different ones."""
        since = func.now() - cast(timedelta(seconds=beat_s(self._settings)), Interval)
        unseen = or_(Job.looked_at.is_(None), Job.looked_at < since)
        async with self._transaction() as session:
            chosen = select(Job.id).where(Job.state == JobState.RUNNING.value, unseen).with_for_update(skip_locked=True)
            looked = update(Job).where(Job.id.in_(chosen)).values(looked_at=func.now())
            ages = (_age(Job.claimed_at), _age(Job.heartbeat_at), _age(Job.cancel_requested_at))
            rows = (await session.execute(looked.returning(Job, *ages), execution_options={"synchronize_session": False})).all()
        return [Running(job, claimed, beaten, cancelling) for job, claimed, beaten, cancelling in rows]


def beat_s(settings: JobSettings) -> float:
    """Seconds between two signs of life, and between two looks at one job: ten within the time after which it counts as lost."""
    return settings.lost_after_s / 10


def _repeats() -> Guard:
    """Whether the like of a job is running: both would do the same, or one wait for the other in a process of its own."""
    other = aliased(Job)
    same = other.organisation_id == Job.organisation_id, other.kind == Job.kind, other.spec == Job.spec
    return exists().where(other.state == JobState.RUNNING.value, *same)


def _mine(attempt: int) -> tuple[Guard, Guard]:
    return Job.attempt == attempt, Job.state == JobState.RUNNING.value


def _age(moment: Any) -> Any:
    return cast(extract("epoch", func.now() - moment), Float)
