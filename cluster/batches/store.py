"""Batches as people know them: asked for, found, cancelled. What their job writes is in ``answers.py``, how they end in ``ending.py``."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import func, or_, select, tuple_, update

from cluster.batches.names import batch_name
from cluster.batches.tables import Batch, BatchStatus
from cluster.errors import NotFound
from cluster.jobs.states import ENDED, JobState
from cluster.jobs.store import Jobs
from cluster.jobs.table import Job
from cluster.stores.sql import AsyncSession

KIND = "batch"
# Others' documents are read, and models trained, before a batch begins.
PRIORITY = -10


class Batches:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, batch: Batch) -> Batch:
        self._session.add(batch)
        await self._session.flush()
        await self._session.refresh(batch)
        return batch

    async def get(self, organisation_id: uuid.UUID, batch_id: uuid.UUID | None, *, lock: bool = False) -> Batch:
        """Raises NotFound, also for one of another organisation."""
        chosen = select(Batch).where(Batch.id == batch_id, Batch.organisation_id == organisation_id)
        chosen = chosen.with_for_update(key_share=True) if lock else chosen
        batch = (await self._session.scalars(chosen, execution_options={"populate_existing": True})).one_or_none()
        if batch is None:
            told = f"There is no batch '{batch_name(batch_id)}'" if batch_id else "Ids of batches begin with 'batch_'"
            raise NotFound(f"{told}; GET /v1/batches lists those there are.")
        return batch

    async def page(self, organisation_id: uuid.UUID, after: Batch | None, most: int) -> Sequence[Batch]:
        """The newest first, behind the one ``after``."""
        chosen = select(Batch).where(Batch.organisation_id == organisation_id).limit(most)
        if after is not None:
            chosen = chosen.where(tuple_(Batch.created_at, Batch.id) < (after.created_at, after.id))
        return (await self._session.scalars(chosen.order_by(Batch.created_at.desc(), Batch.id.desc()))).all()

    async def count_open(self, organisation_id: uuid.UUID) -> int:
        chosen = select(func.count()).where(Batch.organisation_id == organisation_id, Batch.ended_at.is_(None))
        return await self._session.scalar(chosen) or 0

    async def cancel(self, batch: Batch) -> Batch:
        """Asked to stop; it ends when its job has, with the answers it has until then. One that has ended, or was asked already, stays as
        it is. ``batch`` is locked."""
        if batch.ended_at is not None or batch.cancelling_at is not None:
            return batch
        asked = update(Batch).where(Batch.id == batch.id).values(status=BatchStatus.CANCELLING.value, cancelling_at=func.now())
        await self._session.execute(asked)
        await self._session.refresh(batch)
        if batch.job_id is not None:
            jobs = Jobs(self._session)
            await jobs.cancel(await jobs.get(batch.organisation_id, batch.job_id, lock=True))
        return batch

    async def left(self, most: int) -> list[uuid.UUID]:
        """Open batches that no job will end: theirs has ended, or is gone."""
        over = or_(Batch.job_id.is_(None), Job.state.in_([state.value for state in ENDED]))
        chosen = select(Batch.id).outerjoin(Job, Job.id == Batch.job_id).where(Batch.ended_at.is_(None), over).limit(most)
        return list(await self._session.scalars(chosen))

    async def cancel_late(self, most: int) -> None:
        """Jobs that are still queued when the time of their batch is up need not begin."""
        late = (
            select(Job)
            .join(Batch, Batch.job_id == Job.id)
            .where(Batch.ended_at.is_(None), Batch.expires_at <= func.now(), Job.state == JobState.QUEUED.value)
            .limit(most)
            .with_for_update(of=Job, skip_locked=True)
        )
        for job in (await self._session.scalars(late)).all():
            await Jobs(self._session).cancel(job)
