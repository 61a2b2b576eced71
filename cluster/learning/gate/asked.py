"""What the process of a gate's job reads and writes, each method one transaction.

Nothing is written for an attempt at the job that is over: a process that was taken for dead, and comes back, changes nothing. An item that
has answers keeps them, so that a job that goes on asks only what is left.

Rows are written by statements: a job's process knows no tables of the API, to which these refer, and SQLAlchemy's unit of work wants all.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Uuid, column, select, table, update
from sqlalchemy.dialects.postgresql import insert

from cluster.errors import Conflict, NotFound
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.learning.adapters.table import AdapterState
from cluster.learning.gate.adapters import judged
from cluster.learning.gate.rule import Marked
from cluster.learning.gate.table import GateAnswer, GateVerdict
from cluster.learning.gate.verdict import Outcome, Verdict
from cluster.stores.sql import AsyncSession, Database

STATES: Mapping[Outcome, AdapterState] = {
    "passed": AdapterState.PASSED,
    "refused": AdapterState.REFUSED,
    "undecided": AdapterState.CANDIDATE,
}
USERS = table("users", column("id", Uuid()))


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said to an item, its mark, and who it was that answered; or, with the mark 0, why it could not be asked."""

    text: str | None
    mark: float
    error: str | None = None
    by: str | None = None


@dataclass(frozen=True, slots=True)
class Item:
    """``number``: its place in the set. ``subject_id``: whose words it holds. ``source_kind``, ``source_id``: of its example."""

    set_name: str
    number: int
    messages: Sequence[dict[str, Any]]
    expected: str
    subject_id: uuid.UUID | None = None
    source_kind: str | None = None
    source_id: str | None = None


class Asked:
    """Of the verdict that attempt ``attempt`` at the job ``job_id`` is to find."""

    def __init__(self, database: Database, verdict_id: uuid.UUID, job_id: uuid.UUID, attempt: int) -> None:
        self._database = database
        self._verdict_id = verdict_id
        self._job_id = job_id
        self._attempt = attempt

    async def row(self) -> GateVerdict:
        """Raises NotFound when it is gone."""
        async with self._database.session() as session:
            row = await session.get(GateVerdict, self._verdict_id)
        if row is None:
            raise NotFound("The verdict that was to be found is gone; ask for another one.")
        return row

    async def begin(self, inputs: Mapping[str, str]) -> None:
        """``inputs``: SHA-256 of each set's file. Raises Conflict where an earlier attempt asked other items."""
        async with self._database.session() as session:
            row = await self._mine(session)
            if row.inputs is not None and row.inputs != dict(inputs):
                raise Conflict("The items were changed while the gate asked them; ask for another verdict.")
            await session.execute(update(GateVerdict).where(GateVerdict.id == row.id).values(inputs=dict(inputs)))

    async def answered(self) -> set[tuple[str, int]]:
        """Set and number of the items that have answers."""
        chosen = select(GateAnswer.set_name, GateAnswer.number).where(GateAnswer.verdict_id == self._verdict_id)
        async with self._database.session() as session:
            return {(row[0], row[1]) for row in await session.execute(chosen)}

    async def known(self, subjects: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Those that were not erased."""
        async with self._database.session() as session:
            return set(await session.scalars(select(USERS.c.id).where(USERS.c.id.in_(subjects))))

    async def keep(self, item: Item, candidate: Said, incumbent: Said) -> None:
        """Raises Conflict when the verdict is another process's to find."""
        values = {
            **asdict(item),
            "verdict_id": self._verdict_id,
            "candidate": _storable(candidate.text),
            "incumbent": _storable(incumbent.text),
            "candidate_mark": candidate.mark,
            "incumbent_mark": incumbent.mark,
            "candidate_error": candidate.error,
            "incumbent_error": incumbent.error,
            "candidate_by": candidate.by,
            "incumbent_by": incumbent.by,
        }
        async with self._database.session() as session:
            await self._mine(session)
            await session.execute(insert(GateAnswer).values(**values).on_conflict_do_nothing())

    async def marks(self) -> dict[str, Marked]:
        """By set. What neither could be asked is left out; what only one could be asked counts, with the mark 0 for the other. Raises
        Conflict where a name stood for several adapters meanwhile."""
        chosen = select(GateAnswer).where(GateAnswer.verdict_id == self._verdict_id).order_by(GateAnswer.set_name, GateAnswer.number)
        async with self._database.session() as session:
            rows = (await session.scalars(chosen)).all()
        for answered in ({row.candidate_by for row in rows}, {row.incumbent_by for row in rows}):
            if len(several := sorted(by for by in answered if by is not None)) > 1:
                raise Conflict(f"Now {several[0]} answered, now {several[1]}: another was promoted meanwhile; ask for another verdict.")
        return {name: _marked([row for row in rows if row.set_name == name]) for name in dict.fromkeys(row.set_name for row in rows)}

    async def end(self, verdict: Verdict) -> str | None:
        """With the state of the adapter, in one transaction; the base whose list of adapters is to be published then."""
        async with self._database.session() as session:
            row = await self._mine(session)
            changed = update(GateVerdict).where(GateVerdict.id == row.id, GateVerdict.outcome.is_(None))
            await session.execute(changed.values(outcome=verdict.outcome, verdict=verdict.model_dump(mode="json")))
            return await judged(session, row.organisation_id, row.candidate, STATES[verdict.outcome])

    async def _mine(self, session: AsyncSession) -> GateVerdict:
        running = (Job.id == self._job_id, Job.attempt == self._attempt, Job.state == JobState.RUNNING.value)
        chosen = select(GateVerdict).join(Job, Job.id == GateVerdict.job_id).where(GateVerdict.id == self._verdict_id, *running)
        row = await session.scalar(chosen)
        if row is None:
            raise Conflict("The verdict is no longer this process's to find.")
        return row


def _marked(rows: Sequence[GateAnswer]) -> Marked:
    counted = [row for row in rows if row.candidate_error is None or row.incumbent_error is None]
    return Marked(
        candidate=[row.candidate_mark for row in counted],
        incumbent=[row.incumbent_mark for row in counted],
        left_out=len(rows) - len(counted),
    )


def _storable(text: str | None) -> str | None:
    """PostgreSQL's text takes no NUL."""
    return None if text is None else text.replace("\x00", "\ufffd")
