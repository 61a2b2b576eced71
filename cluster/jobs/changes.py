"""How a job's row is changed."""

from __future__ import annotations

from cluster.jobs.states import ENDED, origins
from cluster.jobs.table import Job, JobEvent
from cluster.stores.guarded import Guarded
from cluster.stores.sql import AsyncSession
from cluster.webhooks.events import tell


async def _announce(session: AsyncSession, job: Job) -> None:
    if job.state in ENDED:
        told = {"job_id": str(job.id), "kind": job.kind, "state": job.state, "attempt": job.attempt, "error": job.error}
        await tell(session, job.organisation_id, f"job.{job.state}", told)


JOBS = Guarded(Job, JobEvent, "job_id", origins, ENDED, _announce)
