"""What the process of a job reads and writes of an optimisation, each method one transaction.

Nothing is written for an attempt at the job that is over. A sample that is there stays, so that a job that goes on measures what is left.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from cluster.errors import Conflict, NotFound
from cluster.jobs.states import ENDED, JobState
from cluster.jobs.table import Job
from cluster.optimising.change import Change, ChangeState, Evidence
from cluster.optimising.load import Sample
from cluster.optimising.table import Optimisation, OptimisationChange, OptimisationSample
from cluster.stores.sql import AsyncSession, Database


@dataclass(frozen=True, slots=True)
class Proposal:
    """``change`` None: nothing is to be changed. ``how``: what to do to have it in force."""

    optimiser: str
    subject: str
    state: ChangeState
    reason: str
    how: str = ""
    change: Change | None = None
    evidence: Evidence | None = None


class Kept:
    """Of one optimisation, for attempt ``attempt`` at the job ``job_id``."""

    def __init__(self, database: Database, optimisation_id: uuid.UUID, job_id: uuid.UUID, attempt: int) -> None:
        self._database = database
        self.id = optimisation_id
        self._job_id = job_id
        self._attempt = attempt

    async def row(self) -> Optimisation:
        """Raises NotFound when it is gone."""
        async with self._database.session() as session:
            row = await session.get(Optimisation, self.id)
        if row is None:
            raise NotFound("The optimisation is gone; ask for another one.")
        return row

    async def samples(self, measurement: str) -> dict[tuple[int, str], float]:
        """Values by round and setting."""
        chosen = select(OptimisationSample).where(
            OptimisationSample.optimisation_id == self.id, OptimisationSample.measurement == measurement
        )
        async with self._database.session() as session:
            return {(row.round, row.setting): row.value for row in await session.scalars(chosen)}

    async def figures(self, measurement: str, setting: str, name: str) -> list[float]:
        """One of the other figures, by round."""
        chosen = (
            select(OptimisationSample.more[name].as_float())
            .where(
                OptimisationSample.optimisation_id == self.id,
                OptimisationSample.measurement == measurement,
                OptimisationSample.setting == setting,
            )
            .order_by(OptimisationSample.round)
        )
        async with self._database.session() as session:
            return [value for value in await session.scalars(chosen) if value is not None]

    async def keep(self, measurement: str, number: int, setting: str, sample: Sample) -> None:
        """Raises Conflict when it is another process's to measure."""
        told = {"measurement": measurement, "round": number, "setting": setting, "value": sample.value, "more": dict(sample.more)}
        async with self._database.session() as session:
            await self._mine(session)
            await session.execute(insert(OptimisationSample).values(optimisation_id=self.id, **told).on_conflict_do_nothing())

    async def changes(self) -> Sequence[OptimisationChange]:
        """By number."""
        chosen = select(OptimisationChange).where(OptimisationChange.optimisation_id == self.id).order_by(OptimisationChange.number)
        async with self._database.session() as session:
            return (await session.scalars(chosen)).all()

    async def change(self, number: int) -> OptimisationChange:
        """Raises NotFound."""
        async with self._database.session() as session:
            row = await session.get(OptimisationChange, (self.id, number))
        if row is None:
            raise NotFound(f"The optimisation has no change {number}.")
        return row

    async def propose(self, proposal: Proposal) -> OptimisationChange:
        """Once for each optimiser and subject: another attempt finds the one that is there."""
        change, evidence = proposal.change, proposal.evidence
        following = select(func.coalesce(func.max(OptimisationChange.number), -1) + 1).where(OptimisationChange.optimisation_id == self.id)
        values = {
            "optimisation_id": self.id,
            "optimiser": proposal.optimiser,
            "subject": proposal.subject,
            "state": proposal.state,
            "reason": proposal.reason,
            "how": proposal.how,
            "change": None if change is None else change.model_dump(mode="json"),
            "evidence": None if evidence is None else evidence.model_dump(mode="json"),
        }
        same = (
            OptimisationChange.optimisation_id == self.id,
            OptimisationChange.optimiser == proposal.optimiser,
            OptimisationChange.subject == proposal.subject,
        )
        async with self._database.session() as session:
            await self._mine(session)
            number = await session.scalar(following)
            await session.execute(insert(OptimisationChange).values(number=number, **values).on_conflict_do_nothing())
            return (await session.scalars(select(OptimisationChange).where(*same))).one()

    async def move(self, number: int, state: ChangeState, reason: str, **values: Any) -> None:
        mine = OptimisationChange.optimisation_id == self.id, OptimisationChange.number == number
        async with self._database.session() as session:
            await self._mine(session)
            await session.execute(update(OptimisationChange).where(*mine).values(state=state, reason=reason, **values))

    async def stranded(self) -> Sequence[OptimisationChange]:
        """Changes of any optimisation that are in force unproven, and whose job has ended: nobody will measure them any more."""
        chosen = (
            select(OptimisationChange)
            .join(Optimisation, Optimisation.id == OptimisationChange.optimisation_id)
            .outerjoin(Job, Job.id == Optimisation.job_id)
            .where(OptimisationChange.state == "applying", or_(Job.id.is_(None), Job.state.in_([state.value for state in ENDED])))
        )
        async with self._database.session() as session:
            return (await session.scalars(chosen)).all()

    async def taken_back(self, row: OptimisationChange, reason: str) -> None:
        """Of a stranded one."""
        mine = OptimisationChange.optimisation_id == row.optimisation_id, OptimisationChange.number == row.number
        changed = update(OptimisationChange).where(*mine, OptimisationChange.state == "applying")
        async with self._database.session() as session:
            await session.execute(changed.values(state="reverted", reason=reason))

    async def note(self, told: str) -> None:
        """A sentence about what was left out, once."""
        async with self._database.session() as session:
            row = await self._mine(session)
            if told not in row.notes:
                await session.execute(update(Optimisation).where(Optimisation.id == self.id).values(notes=[*row.notes, told]))

    async def _mine(self, session: AsyncSession) -> Optimisation:
        running = (Job.id == self._job_id, Job.attempt == self._attempt, Job.state == JobState.RUNNING.value)
        chosen = select(Optimisation).join(Job, Job.id == Optimisation.job_id).where(Optimisation.id == self.id, *running)
        row = await session.scalar(chosen.with_for_update(of=Optimisation))
        if row is None:
            raise Conflict("The optimisation is no longer this process's.")
        return row
