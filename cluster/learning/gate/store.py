"""Verdicts as people know them: asked for, found, decided about. What the process of the job reads and writes is in ``asked.py``."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import func, select, tuple_

from cluster.errors import Conflict, NotFound
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.learning.gate.table import GateAnswer, GateDecision, GateVerdict
from cluster.learning.gate.verdict import Outcome
from cluster.specs.gate import GateSpec
from cluster.stores.sql import AsyncSession

KIND = "adapters.gate"
Ruling = Literal["approve", "reject"]
# How it stands: as its job does, until there is an outcome. `gone`: the job was removed before that.
Standing = Literal["queued", "running", "failed", "cancelled", "gone", "decided"]


@dataclass(frozen=True, slots=True)
class NewVerdict:
    """What is to be found out. ``candidate``, ``incumbent``: models, ``<base>`` or ``<base>:<adapter>``. ``held_out``: where the task's
    items are (see cluster/learning/gate/held_out.py). ``documents``: ids of the collections that they are answered from, if any."""

    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    candidate: str
    incumbent: str
    gate: GateSpec
    held_out: dict[str, Any]
    documents: list[str] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """A verdict, how its job stands, and the latest that somebody decided about it."""

    row: GateVerdict
    standing: Standing
    error: str | None
    decision: GateDecision | None


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: any. ``before``: the last one of the page before."""

    candidate: str | None = None
    outcome: Outcome | None = None
    before: tuple[datetime, uuid.UUID] | None = None


@dataclass(frozen=True, slots=True)
class Admission:
    """Whether a candidate may go into service, and a sentence that says why."""

    allowed: bool
    reason: str
    verdict_id: uuid.UUID | None = None


class GateVerdicts:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, new: NewVerdict) -> GateVerdict:
        """Without its job, which the caller adds in the same transaction."""
        row = GateVerdict(
            organisation_id=new.organisation_id,
            owner_id=new.owner_id,
            candidate=new.candidate,
            incumbent=new.incumbent,
            gate=new.gate.model_dump(mode="json"),
            held_out=new.held_out,
            documents=new.documents,
        )
        self._session.add(row)
        await self._session.flush()
        await self._session.refresh(row)
        return row

    async def get(self, organisation_id: uuid.UUID, verdict_id: uuid.UUID) -> Found:
        """Raises NotFound, also for one of another organisation."""
        chosen = _chosen(organisation_id).where(GateVerdict.id == verdict_id)
        found = (await self._session.execute(chosen)).one_or_none()
        if found is None:
            raise NotFound(f"There is no verdict '{verdict_id}'; GET /api/v1/gate/verdicts lists those there are.")
        return _found(*found)

    async def page(self, organisation_id: uuid.UUID, wanted: Wanted, most: int) -> Sequence[Found]:
        """The newest first."""
        chosen = _chosen(organisation_id).order_by(GateVerdict.created_at.desc(), GateVerdict.id.desc()).limit(most)
        if wanted.candidate is not None:
            chosen = chosen.where(GateVerdict.candidate == wanted.candidate)
        if wanted.outcome is not None:
            chosen = chosen.where(GateVerdict.outcome == wanted.outcome)
        if wanted.before is not None:
            chosen = chosen.where(tuple_(GateVerdict.created_at, GateVerdict.id) < wanted.before)
        return [_found(*found) for found in (await self._session.execute(chosen)).all()]

    async def count_open(self, organisation_id: uuid.UUID) -> int:
        """Verdicts that are still being found."""
        busy = (Job.state.in_((JobState.QUEUED.value, JobState.RUNNING.value)), GateVerdict.outcome.is_(None))
        chosen = select(func.count()).select_from(GateVerdict).join(Job, Job.id == GateVerdict.job_id)
        return await self._session.scalar(chosen.where(GateVerdict.organisation_id == organisation_id, *busy)) or 0

    async def answers(
        self, verdict_id: uuid.UUID, set_name: str | None, after: tuple[str, int] | None, most: int, *, differing: bool = False
    ) -> Sequence[GateAnswer]:
        """Side by side, by set and number; ``differing``: only items with different marks."""
        place = (GateAnswer.set_name, GateAnswer.number)
        chosen = select(GateAnswer).where(GateAnswer.verdict_id == verdict_id).order_by(*place).limit(most)
        if set_name is not None:
            chosen = chosen.where(GateAnswer.set_name == set_name)
        if after is not None:
            chosen = chosen.where(tuple_(*place) > after)
        if differing:
            chosen = chosen.where(GateAnswer.candidate_mark != GateAnswer.incumbent_mark)
        return (await self._session.scalars(chosen)).all()

    async def decisions(self, verdict_id: uuid.UUID) -> Sequence[GateDecision]:
        """All there were, the latest first."""
        order = (GateDecision.created_at.desc(), GateDecision.id.desc())
        return (await self._session.scalars(select(GateDecision).where(GateDecision.verdict_id == verdict_id).order_by(*order))).all()

    async def rule(self, found: Found, user_id: uuid.UUID, ruling: Ruling, reason: str) -> GateDecision:
        """Raises Conflict while there is nothing to decide about."""
        if found.row.outcome is None:
            raise Conflict("The gate has not found anything yet; wait until its job has ended.")
        overrides = (ruling == "approve") != (found.row.outcome == "passed")
        told = {"verdict_id": found.row.id, "user_id": user_id, "decision": ruling, "reason": reason, "overrides": overrides}
        # The order of decisions is that of the clock, not of the transaction's begin.
        row = GateDecision(**told, created_at=func.clock_timestamp())
        self._session.add(row)
        await self._session.flush()
        await self._session.refresh(row)
        return row

    async def admission(self, organisation_id: uuid.UUID, candidate: str) -> Admission:
        """By the latest verdict that has an outcome, and what was decided about it."""
        chosen = _chosen(organisation_id).where(GateVerdict.candidate == candidate, GateVerdict.outcome.is_not(None))
        found = (await self._session.execute(chosen.order_by(GateVerdict.created_at.desc(), GateVerdict.id.desc()).limit(1))).one_or_none()
        if found is None:
            return Admission(False, f"'{candidate}' has no verdict; POST /api/v1/gate/evaluate has it examined.")
        row, decision = found[0], found[3]
        if decision is not None:
            said = "approved" if decision.decision == "approve" else "rejected"
            return Admission(said == "approved", f"It was {said} by a person, after the gate found: {row.outcome}.", row.id)
        told = "" if row.outcome == "passed" else "; a person may approve it all the same, with a reason"
        return Admission(row.outcome == "passed", f"The gate found: {row.outcome}{told}.", row.id)


def _chosen(organisation_id: uuid.UUID) -> Any:
    """Verdicts of the organisation, each with its job's state and error, and its latest decision."""
    later = (
        select(GateDecision.id)
        .where(GateDecision.verdict_id == GateVerdict.id)
        .order_by(GateDecision.created_at.desc(), GateDecision.id.desc())
        .limit(1)
        .correlate(GateVerdict)
        .scalar_subquery()
    )
    return (
        select(GateVerdict, Job.state, Job.error, GateDecision)
        .outerjoin(Job, Job.id == GateVerdict.job_id)
        .outerjoin(GateDecision, GateDecision.id == later)
        .where(GateVerdict.organisation_id == organisation_id)
    )


def _found(row: GateVerdict, state: str | None, error: str | None, decision: GateDecision | None) -> Found:
    if row.outcome is not None:
        return Found(row, "decided", None, decision)
    standings: dict[str | None, Standing] = {
        JobState.QUEUED.value: "queued",
        JobState.RUNNING.value: "running",
        JobState.FAILED.value: "failed",
        JobState.CANCELLED.value: "cancelled",
    }
    return Found(row, standings.get(state, "gone"), error, decision)
