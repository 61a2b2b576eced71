"""Optimisations as people know them: asked for, read, and decided about. What the process of the job writes is in ``kept.py``."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select, tuple_

from cluster.errors import Conflict, NotFound
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.optimising.change import ChangeState
from cluster.optimising.table import Optimisation, OptimisationChange, OptimisationSample
from cluster.optimising.wanted import Wanted
from cluster.stores.sql import AsyncSession

KIND = "performance.optimize"
# As its latest job stands. `gone`: that was removed.
Standing = Literal["queued", "running", "succeeded", "failed", "cancelled", "gone"]
OPEN = (JobState.QUEUED.value, JobState.RUNNING.value)
# From which states a change may be applied, and taken back.
APPLICABLE: frozenset[ChangeState] = frozenset({"proposed", "waiting", "applying", "reverted"})
REVERTIBLE: frozenset[ChangeState] = frozenset({"applied", "waiting", "applying"})


@dataclass(frozen=True, slots=True)
class Found:
    """An optimisation, how its latest job stands, and why that failed."""

    row: Optimisation
    standing: Standing
    error: str | None
    changes: Sequence[OptimisationChange]


class Optimisations:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, organisation_id: uuid.UUID, owner_id: uuid.UUID, wanted: Wanted) -> Optimisation:
        """Without its job, which the caller adds in the same transaction."""
        row = Optimisation(organisation_id=organisation_id, owner_id=owner_id, asked=wanted.model_dump(mode="json"), notes=[])
        self._session.add(row)
        await self._session.flush()
        await self._session.refresh(row)
        return row

    async def get(self, organisation_id: uuid.UUID, optimisation_id: uuid.UUID, *, lock: bool = False) -> Found:
        """Raises NotFound, also for one of another organisation."""
        chosen = select(Optimisation).where(Optimisation.id == optimisation_id, Optimisation.organisation_id == organisation_id)
        row = await self._session.scalar(chosen.with_for_update() if lock else chosen)
        if row is None:
            raise NotFound(f"There is no optimisation '{optimisation_id}'; GET /api/v1/performance/optimizations lists those there are.")
        return (await self._found([row]))[0]

    async def page(self, organisation_id: uuid.UUID, before: tuple[datetime, uuid.UUID] | None, most: int) -> Sequence[Found]:
        """The newest first."""
        order = (Optimisation.created_at.desc(), Optimisation.id.desc())
        chosen = select(Optimisation).where(Optimisation.organisation_id == organisation_id).order_by(*order).limit(most)
        if before is not None:
            chosen = chosen.where(tuple_(Optimisation.created_at, Optimisation.id) < before)
        return await self._found((await self._session.scalars(chosen)).all())

    async def count_open(self, organisation_id: uuid.UUID) -> int:
        chosen = select(func.count()).select_from(Optimisation).join(Job, Job.id == Optimisation.job_id)
        return await self._session.scalar(chosen.where(Optimisation.organisation_id == organisation_id, Job.state.in_(OPEN))) or 0

    async def samples(self, optimisation_id: uuid.UUID) -> Sequence[OptimisationSample]:
        """All that was measured, by measurement, round and setting."""
        place = (OptimisationSample.measurement, OptimisationSample.round, OptimisationSample.setting)
        chosen = select(OptimisationSample).where(OptimisationSample.optimisation_id == optimisation_id).order_by(*place)
        return (await self._session.scalars(chosen)).all()

    async def _found(self, rows: Sequence[Optimisation]) -> list[Found]:
        jobs = await self._jobs([row.job_id for row in rows if row.job_id is not None])
        chosen = select(OptimisationChange).where(OptimisationChange.optimisation_id.in_([row.id for row in rows]))
        changes = (await self._session.scalars(chosen.order_by(OptimisationChange.number))).all()
        return [_found(row, jobs, [change for change in changes if change.optimisation_id == row.id]) for row in rows]

    async def _jobs(self, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID | None, tuple[str, str | None]]:
        rows = await self._session.execute(select(Job.id, Job.state, Job.error).where(Job.id.in_(ids)))
        return {row[0]: (row[1], row[2]) for row in rows}


def chosen_change(found: Found, number: int | None, states: frozenset[ChangeState], verb: str) -> OptimisationChange:
    """The one that is meant: the only one in ``states`` where none is named. Raises NotFound, and Conflict where it cannot be."""
    if found.standing in OPEN:
        raise Conflict(f"Its job is {found.standing}; wait until it has ended, or cancel it (job {found.row.job_id}).")
    possible = [change for change in found.changes if change.change is not None and change.state in states]
    if number is not None:
        named = next((change for change in found.changes if change.number == number), None)
        if named is None:
            raise NotFound(f"The optimisation has no change {number}; it has {len(found.changes)}, the first is 0.")
        if named not in possible:
            raise Conflict(f"Change {number} is {named.state}: there is nothing to {verb}. {named.reason}")
        return named
    if len(possible) != 1:
        told = ", ".join(str(change.number) for change in possible) or "none"
        raise Conflict(f"Say which 'change' to {verb}; those that can be are: {told}.")
    return possible[0]


def _found(row: Optimisation, jobs: Mapping[uuid.UUID | None, tuple[str, str | None]], changes: Sequence[OptimisationChange]) -> Found:
    state, error = jobs.get(row.job_id, ("gone", None))
    standings: dict[str, Standing] = {
        JobState.QUEUED.value: "queued",
        JobState.RUNNING.value: "running",
        JobState.SUCCEEDED.value: "succeeded",
        JobState.FAILED.value: "failed",
        JobState.CANCELLED.value: "cancelled",
    }
    return Found(row, standings.get(state, "gone"), error, changes)


def samples_of(rows: Sequence[OptimisationSample]) -> dict[str, dict[str, list[Any]]]:
    """Values by measurement and setting, in the order of rounds."""
    told: dict[str, dict[str, list[Any]]] = {}
    for row in rows:
        told.setdefault(row.measurement, {}).setdefault(row.setting, []).append(row.value)
    return told
