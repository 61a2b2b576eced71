"""What a run waits for: people, and times. Nothing is held meanwhile; the run is put down, and taken up again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from cluster.contracts.generation import Json, JsonObject
from cluster.graphs.pending import Ask

@dataclass(frozen=True, slots=True)
class Pending:
    """``node``: by which it is answered: the node's name, its path in a graph within a graph, with what tells items of a map and calls of
    a model apart. ``key``: of its step. ``kind``: `human`, `tool` for a call that a person must allow, or `time`, which nobody
    answers. ``expires_at``: when it goes on without an answer."""

    node: str
    key: str
    kind: Literal["human", "tool", "time"]
    ask: str = ""
    show: Json = None
    answer: JsonObject = field(default_factory=dict)
    expires_at: datetime | None = None

    def to_ask(self) -> Ask:
        return Ask(self.node, self.kind, self.ask, self.answer, self.show, self.expires_at)


class Waits(Exception):  # noqa: N818 - no error
    """A node cannot go on before somebody answers or a time has come. Not a failure: it passes every ``on_error`` and retry."""

    def __init__(self, pending: Sequence[Pending]) -> None:
        super().__init__(f"waits for {', '.join(one.node for one in pending)}")
        self.pending = tuple(pending)


class Paused(Exception):  # noqa: N818 - no error
    """A person paused the run: this node is not begun."""


class Superseded(Exception):
    """The run is somebody else's now, or gone; nothing that this process says of it counts any more."""
