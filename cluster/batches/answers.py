"""What the process of a batch's job reads and writes, each method one transaction.

Answers are written while the batch's row is locked, and only as long as the batch is open and the job's attempt is still the one that asks:
a process that was taken for dead, and comes back, writes nothing, and a line that has an answer keeps it.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from cluster.batches.lines import Mistake
from cluster.batches.tables import Batch, BatchAnswer, BatchStatus
from cluster.errors import Conflict
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.stores.sql import AsyncSession, Database


@dataclass(frozen=True, slots=True)
class Attempt:
    """Whose answers they are."""

    batch_id: uuid.UUID
    job_id: uuid.UUID
    attempt: int


@dataclass(frozen=True, slots=True)
class Answer:
    """``content``: its line in the file of answers, or of errors, as JSON."""

    line: int
    is_error: bool
    content: str


class Answers:
    def __init__(self, database: Database, of: Attempt) -> None:
        self._database = database
        self._of = of

    async def batch(self) -> Batch | None:
        """None when it is gone, or has ended."""
        async with self._database.session() as session:
            return await session.scalar(select(Batch).where(Batch.id == self._of.batch_id, Batch.ended_at.is_(None)))

    async def refuse(self, mistakes: Sequence[Mistake]) -> None:
        """The batch has failed: its input is wrong."""
        told = {"object": "list", "data": [asdict(mistake) for mistake in mistakes]}
        await self._move(BatchStatus.VALIDATING, status=BatchStatus.FAILED.value, errors=told, ended_at=func.now())

    async def begin(self, total: int, model: str | None) -> None:
        """The input is right; ``model``: the one that all requests name."""
        values = {"status": BatchStatus.IN_PROGRESS.value, "total": total, "model": model, "in_progress_at": func.now()}
        await self._move(BatchStatus.VALIDATING, **values)

    async def finalize(self) -> None:
        """All is answered, and the files are being written."""
        await self._move(BatchStatus.IN_PROGRESS, status=BatchStatus.FINALIZING.value, finalizing_at=func.now())

    async def answered(self, lines: Collection[int]) -> set[int]:
        """Those of ``lines`` that have an answer."""
        chosen = select(BatchAnswer.line).where(BatchAnswer.batch_id == self._of.batch_id, BatchAnswer.line.in_(lines))
        async with self._database.session() as session:
            return set(await session.scalars(chosen))

    async def wanted(self) -> bool:
        """Whether there is any sense in asking more: the batch is open, in time and not cancelled, and this is still its process."""
        async with self._database.session() as session:
            return await self._mine(
                session, Batch.cancelling_at.is_(None), Batch.expires_at > func.now(), Job.cancel_requested_at.is_(None)
            )

    async def keep(self, answers: Sequence[Answer]) -> None:
        """Raises Conflict when the batch has ended, or is another process's."""
        rows = [{"batch_id": self._of.batch_id, **asdict(answer)} for answer in answers]
        writing = insert(BatchAnswer).on_conflict_do_nothing().returning(BatchAnswer.is_error)
        async with self._database.session() as session:
            if not await self._mine(session, lock=True):
                raise Conflict("The batch is no longer this process's to answer.")
            failures = list(await session.scalars(writing, rows))
            counted = {"failed": Batch.failed + sum(failures), "completed": Batch.completed + len(failures) - sum(failures)}
            await session.execute(update(Batch).where(Batch.id == self._of.batch_id).values(**counted))

    async def counts(self) -> tuple[int, int]:
        """How many are answered, of how many."""
        async with self._database.session() as session:
            chosen = select(Batch.completed + Batch.failed, Batch.total).where(Batch.id == self._of.batch_id)
            found = (await session.execute(chosen)).one_or_none()
        return (found[0], found[1]) if found else (0, 0)

    async def _move(self, origin: BatchStatus, **values: Any) -> None:
        """Nothing happens to one that is in another status: it has been here before, or is cancelled meanwhile."""
        async with self._database.session() as session:
            if await self._mine(session, lock=True):
                at = (Batch.id == self._of.batch_id, Batch.status == origin.value)
                await session.execute(update(Batch).where(*at).values(**values))

    async def _mine(self, session: AsyncSession, *guards: Any, lock: bool = False) -> bool:
        of = self._of
        running = (Job.id == of.job_id, Job.attempt == of.attempt, Job.state == JobState.RUNNING.value)
        chosen = (
            select(Batch.id).join(Job, Job.id == Batch.job_id).where(Batch.id == of.batch_id, Batch.ended_at.is_(None), *running, *guards)
        )
        if lock:
            chosen = chosen.with_for_update(of=Batch, key_share=True)
        return await session.scalar(chosen) is not None
