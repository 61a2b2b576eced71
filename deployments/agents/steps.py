"""The steps of one run under way, as its nodes know them. A step that was done is never done again: its result is used."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from cluster.contracts.generation import Json
from deployments.agents.budget import NOTHING, Spent


@dataclass(frozen=True, slots=True)
class Begun:
    """A step as it stands when somebody comes to it. ``done``: with ``value``. ``unanswered``: a call with an effect was sent, and the
    process died before it had the answer. ``started_at``: the first time, by the database's clock."""

    started_at: datetime
    done: bool = False
    value: Json = None
    unanswered: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """What is written down at the end of a step. ``taken``: the name by which a person's answer was asked for, which is used up."""

    attempts: int = 1
    spent: Spent = NOTHING
    model: str | None = None
    taken: str | None = None


class StepLog(Protocol):
    """Each method is one transaction, fenced by the attempt at the run. Raises Superseded when the run is no longer this process's."""

    async def begin(self, key: str, node: str, kind: str) -> Begun: ...

    async def sent(self, key: str) -> None:
        """A call with an effect that cannot be repeated goes out now."""
        ...

    async def finish(self, key: str, value: Json, ending: Ending) -> None: ...

    async def fail(self, key: str, error: str, ending: Ending) -> None: ...

    async def wait(self, key: str) -> None:
        """It waits for somebody, or for a time."""
        ...
