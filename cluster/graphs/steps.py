"""The steps of one run under way: what was done is written down once, found again by its key, and used again."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from cluster.contracts.generation import Json
from cluster.graphs.changes import Told, nobody
from cluster.graphs.pending import NOTHING, Spent
from cluster.graphs.step_statements import BEGIN, END, SENT, WAIT
from cluster.graphs.storable import shortened, storable, summary
from cluster.settings import GraphSettings
from cluster.stores.sql import Database

DONE = ("succeeded", "skipped")


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
    """Of one attempt at one run. Each method is one statement, and so a transaction that is never left open;
    it raises Superseded when the run is no longer that attempt's. ``begin`` comes first. ``told``: see changes.py."""

    def __init__(self, database: Database, settings: GraphSettings, run_id: uuid.UUID, attempt: int, told: Told = nobody) -> None:
        self._straight = database.straight
        self._settings = settings
        self._run_id = run_id
        self._attempt = attempt
        self._told = told

    async def begin(self, key: str, node: str, kind: str) -> Begun:
        """The step, running now, unless it was done before: then nothing is written."""
        row = await self._do(BEGIN, key, id=uuid.uuid4(), node=node, kind=kind)
        return Begun(row["started_at"], done=row["done"], value=(row["result"] or {}).get("value"), unanswered=row["unanswered"])

    async def now(self) -> datetime:
        """By the database's clock, as all times of steps are."""
        row = await self._straight.one("SELECT now() AS now", {})
        assert row is not None
        now: datetime = row["now"]
        return now

    async def sent(self, key: str) -> None:
        """A call with an effect that cannot be repeated goes out now."""
        await self._do(SENT, key)

    async def finish(self, key: str, value: Json, ending: Ending = Ending()) -> None:
        """Done, and never done again. Raises TooLarge for a value over ``graphs.value_bytes``, BadInput for what is not JSON."""
        kept = storable(value, int(self._settings.value_bytes), f"The result of '{key}'", "value_bytes")
        await self._end(key, "succeeded", ending, summary(kept, self._settings.event_chars), result={"value": kept})

    async def skip(self, key: str, error: str, ending: Ending = Ending()) -> None:
        """Failed, and the run goes on without it, with null in its place."""
        told = shortened(error, self._settings.event_chars)
        await self._end(key, "skipped", ending, told, result={"value": None}, error=told)

    async def fail(self, key: str, error: str, ending: Ending = Ending(), *, unanswered: bool = False) -> None:
        """Not done. ``unanswered``: nobody knows whether its effect took place."""
        told = shortened(error, self._settings.event_chars)
        await self._end(key, "failed", ending, told, error=told, begun=unanswered)

    async def wait(self, key: str) -> None:
        """It waits for somebody, or for a time."""
        await self._do(WAIT, key)

    async def _end(
        self,
        key: str,
        state: str,
        ending: Ending,
        told: str,
        *,
        result: dict[str, Json] | None = None,
        error: str | None = None,
        begun: bool = False,
    ) -> None:
        await self._do(
            END,
            key,
            state=state,
            more=ending.attempts - 1,
            model=ending.model,
            taken=ending.taken,
            prompt_tokens=ending.spent.prompt_tokens,
            completion_tokens=ending.spent.completion_tokens,
            micros=ending.spent.micros,
            result=None if result is None else Jsonb(result),
            error=error,
            begun=begun,
            told=told,
        )

    async def _do(self, statement: str, key: str, **values: Any) -> Mapping[str, Any]:
        row = await self._straight.one(statement, {"run": self._run_id, "attempt": self._attempt, "key": key, **values})
        if row is None:
            raise Superseded(f"Attempt {self._attempt} at run {self._run_id} is over.")
        self._told(self._run_id)
        return row
