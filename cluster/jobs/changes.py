"""How a job's row is changed: guarded, numbered, and in one statement, so that it does not matter who else is at it."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import ColumnElement, func, insert, update

from cluster.jobs.states import ENDED, JobState, origins
from cluster.jobs.table import Job, JobEvent
from cluster.stores.sql import AsyncSession

Guard = ColumnElement[bool]
_OPTIONS: dict[str, Any] = {"synchronize_session": False, "populate_existing": True}


async def change(session: AsyncSession, job_id: uuid.UUID, *guards: Guard, **values: Any) -> Job | None:
    """The row with ``values``; None, and nothing is written, where it does not exist or meet the ``guards``. The row is locked from here to
    the end of the transaction."""
    statement = update(Job).where(Job.id == job_id, *guards).values(**values).returning(Job)
    return (await session.scalars(statement, execution_options=_OPTIONS)).one_or_none()


async def tell(session: AsyncSession, job: Job, kind: str, data: dict[str, Any]) -> None:
    """Writes an event under the number that the row reached; whoever calls has counted ``changes`` up in the same transaction."""
    await session.execute(insert(JobEvent.__table__).values(job_id=job.id, number=job.changes, kind=kind, data=data))  # type: ignore[arg-type]


async def move(session: AsyncSession, job_id: uuid.UUID, target: JobState, *guards: Guard, **values: Any) -> Job | None:
    """Into another state, where the transition exists, with an event that says why (the value of ``error``, or ``reason``)."""
    reason = values.pop("reason", None) or values.get("error")
    if target in ENDED:
        values["finished_at"] = func.now()
    allowed = Job.state.in_([state.value for state in origins(target)])
    job = await change(session, job_id, allowed, *guards, state=target.value, changes=Job.changes + 1, **values)
    if job is not None:
        said = {"state": target.value, "attempt": job.attempt} | ({"reason": reason} if reason else {})
        await tell(session, job, "state", said)
    return job
