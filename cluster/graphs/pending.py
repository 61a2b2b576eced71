"""What a waiting run wants, and what work costs: the shapes that stand in its row."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement

from cluster.contracts.generation import Json, JsonObject
from cluster.errors import BadInput
from cluster.graphs.table import GraphRun
from cluster.json_schema import mistake

# ``human``: an answer of a node's own; ``approve``: whether a tool may be called; ``time``: nobody, only a time.
Wanted = Literal["human", "approve", "time"]


@dataclass(frozen=True, slots=True)
class Pending:
    """``node``: by which it is answered: the node's name, or within a map, a sub-graph or a model's calls the key of the step. ``key``: of
    the step. ``answer``: JSON Schema of the answer; None: any. ``expires_at``: when nobody is waited for any more, aware."""

    node: str
    key: str
    kind: Wanted
    ask: str = ""
    show: Json = None
    answer: JsonObject | None = None
    expires_at: datetime | None = None

    def to_json(self) -> JsonObject:
        return {
            "node": self.node,
            "key": self.key,
            "kind": self.kind,
            "ask": self.ask,
            "show": self.show,
            "answer": self.answer,
            "expires_at": None if self.expires_at is None else self.expires_at.astimezone(UTC).isoformat(),
        }

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Pending:
        at = data["expires_at"]
        return cls(**(data | {"expires_at": None if at is None else datetime.fromisoformat(at)}))


def questions(run: GraphRun) -> Sequence[Pending]:
    """What ``run`` waits for people to say."""
    return [Pending.from_json(one) for one in run.pending or ()]


def need_valid(asked: Pending, value: Json) -> None:
    """Raises BadInput, saying where, when ``value`` is no answer by its schema."""
    found = mistake(value, asked.answer) if asked.answer is not None else None
    if found is not None:
        place, sentence = found
        where = f", at {place}" if place else ""
        raise BadInput(f"The answer to '{asked.node}' is not as it asks{where}: {sentence}").about(f"answer.{place}" if place else "answer")


@dataclass(frozen=True, slots=True)
class Spent:
    """``micros``: millionths of the currency of the prices."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    micros: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(self.prompt_tokens + other.prompt_tokens, self.completion_tokens + other.completion_tokens, self.micros + other.micros)

    @property
    def tokens(self) -> int:
        return self.prompt_tokens + self.completion_tokens

    def on_top(self, table: Any) -> dict[str, ColumnElement[Any]]:
        """The columns of a row of ``table`` with this added."""
        return {name: getattr(table, name) + getattr(self, name) for name in ("prompt_tokens", "completion_tokens", "micros")}


NOTHING = Spent()
