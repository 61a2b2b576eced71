"""The steps of one run under way: what was done is written down once, found again by its key, and used again."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Text, cast, func, literal, select, update
from sqlalchemy.dialects.postgresql import JSONB, insert

from cluster.contracts.generation import Json
from cluster.graphs.changes import RUNS, Told, mine, nobody
from cluster.graphs.pending import NOTHING, Spent
from cluster.graphs.storable import shortened, storable, summary
from cluster.graphs.table import GraphRun, GraphStep
from cluster.settings import GraphSettings
from cluster.stores.sql import AsyncSession, Database

DONE = ("succeeded", "skipped")
LONGEST_PAUSE = "10s"


class Superseded(Exception):
    """The run is somebody else's now, or gone; nothing that this process says of it counts any more."""


@dataclass(frozen=True, slots=True)
class Begun:
    """A step as it stands when somebody comes to it. ``done``: with ``value``. ``unanswered``: a call with an effect was sent, and nobody
    knows its answer. ``started_at``: the first time, by the database's clock."""

    started_at: datetime
    done: bool = False
    value: Json = None
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """What is written down at the end of a step. ``attempts``: of this process. ``taken``: the name by which a person's answer was asked
    for, which is used up."""

    attempts: int = 1
    spent: Spent = NOTHING
    model: str | None = None
    taken: str | None = None


class StepLog:
    """Of one attempt at one run. Each method is one transaction, and raises Superseded when the run is no longer that attempt's. ``begin``
    comes first. ``told``: see changes.py."""

    def __init__(self, database: Database, settings: GraphSettings, run_id: uuid.UUID, attempt: int, told: Told = nobody) -> None:
        self._database = database
        self._settings = settings
        self._run_id = run_id
        self._attempt = attempt
        self._told = told

    async def begin(self, key: str, node: str, kind: str) -> Begun:
        """The step, running now, unless it was done before: then nothing is written."""
        async with self._transaction() as session:
            found = await self._find(session, key)
            if found is not None and found.state in DONE:
                await self._need(session)
                return Begun(found.started_at, done=True, value=(found.result or {}).get("value"))
            number = await self._count(session, step_count=GraphRun.step_count + (0 if found is not None else 1))
            new = {"id": uuid.uuid4(), "run_id": self._run_id, "key": key, "node": node, "kind": kind, "attempts": 1}
            again = {"state": "running", "attempts": GraphStep.attempts + 1, "finished_at": None, "error": None}
            written = insert(GraphStep).values(**new).on_conflict_do_update(index_elements=["run_id", "key"], set_=again)
            step = (await session.scalars(written.returning(GraphStep), execution_options={"populate_existing": True})).one()
            await self._tell(session, number, step, "running")
            return Begun(step.started_at, unanswered=step.begun)

    async def now(self) -> datetime:
        """By the database's clock, as all times of steps are."""
        async with self._database.session() as session:
            now: datetime = (await session.execute(select(func.now()))).scalar_one()
        return now

    async def sent(self, key: str) -> None:
        """A call with an effect that cannot be repeated goes out now."""
        async with self._transaction() as session:
            await self._need(session)
            await self._write(session, key, begun=True)

    async def finish(self, key: str, value: Json, ending: Ending = Ending()) -> None:
        """Done, and never done again. Raises TooLarge for a value over ``graphs.value_bytes``, BadInput for what is not JSON."""
        kept = storable(value, int(self._settings.value_bytes), f"The result of '{key}'", "value_bytes")
        told = summary(kept, self._settings.event_chars)
        await self._end(key, "succeeded", ending, told, result={"value": kept}, error=None, begun=False)

    async def skip(self, key: str, error: str, ending: Ending = Ending()) -> None:
        """Failed, and the run goes on without it, with null in its place."""
        told = shortened(error, self._settings.event_chars)
        await self._end(key, "skipped", ending, told, result={"value": None}, error=told, begun=False)

    async def fail(self, key: str, error: str, ending: Ending = Ending(), *, unanswered: bool = False) -> None:
        """Not done. ``unanswered``: nobody knows whether its effect took place."""
        told = shortened(error, self._settings.event_chars)
        await self._end(key, "failed", ending, told, error=told, begun=unanswered)

    async def wait(self, key: str) -> None:
        """It waits for somebody, or for a time."""
        async with self._transaction() as session:
            number = await self._count(session)
            step = await self._write(session, key, state="waiting")
            await self._tell(session, number, step, "waiting")

    async def _end(self, key: str, state: str, ending: Ending, told: str, **values: Any) -> None:
        done = {"state": state, "attempts": GraphStep.attempts + ending.attempts - 1, "finished_at": func.now(), "model": ending.model}
        run: dict[str, Any] = ending.spent.on_top(GraphRun)
        if state in DONE:
            run |= {"tries": 0}
        if ending.taken is not None:
            run |= {"answers": GraphRun.answers.op("-", return_type=JSONB())(cast(literal(ending.taken), Text))}
        async with self._transaction() as session:
            number = await self._count(session, **run)
            step = await self._write(session, key, **done, **ending.spent.on_top(GraphStep), **values)
            await self._tell(session, number, step, state, told)

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[AsyncSession]:
        """One that PostgreSQL ends when its process is paused in the middle: it holds the row that others need."""
        async with self._database.session() as session:
            await session.execute(select(func.set_config("idle_in_transaction_session_timeout", LONGEST_PAUSE, True)))
            yield session
        self._told(self._run_id)

    async def _find(self, session: AsyncSession, key: str) -> GraphStep | None:
        chosen = select(GraphStep).where(GraphStep.run_id == self._run_id, GraphStep.key == key)
        return (await session.scalars(chosen)).one_or_none()

    async def _need(self, session: AsyncSession) -> None:
        """Holds the run's row until the end of the transaction. Raises Superseded."""
        chosen = select(GraphRun.id).where(GraphRun.id == self._run_id, *mine(self._attempt)).with_for_update()
        if await session.scalar(chosen) is None:
            raise self._superseded()

    async def _count(self, session: AsyncSession, **values: Any) -> int:
        """The number of the next event; only that comes back of the run's row, which may be large."""
        written = update(GraphRun).where(GraphRun.id == self._run_id, *mine(self._attempt))
        written = written.values(changes=GraphRun.changes + 1, **values).execution_options(synchronize_session=False)
        number: int | None = await session.scalar(written.returning(GraphRun.changes))
        if number is None:
            raise self._superseded()
        return number

    async def _write(self, session: AsyncSession, key: str, **values: Any) -> GraphStep:
        written = update(GraphStep).where(GraphStep.run_id == self._run_id, GraphStep.key == key).values(**values).returning(GraphStep)
        return (await session.scalars(written, execution_options={"synchronize_session": False, "populate_existing": True})).one()

    async def _tell(self, session: AsyncSession, number: int, step: GraphStep, state: str, text: str = "") -> None:
        data = {"node": step.node, "key": step.key, "kind": step.kind, "state": state, "attempts": step.attempts, "text": text}
        await RUNS.tell(session, self._run_id, number, "step", data)

    def _superseded(self) -> Superseded:
        return Superseded(f"Attempt {self._attempt} at run {self._run_id} is over.")
