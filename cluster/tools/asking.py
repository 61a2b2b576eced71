"""Asking whoever called a tool: the person at their client, the model that their client has, or the client itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from cluster.contracts.generation import Json, JsonObject

if TYPE_CHECKING:
    from cluster.tools.tool import ToolCaller, ToolSpec

ARGUMENT_CHARS = 2000
Level = Literal["debug", "info", "warning", "error"]


@dataclass(frozen=True, slots=True)
class AskPerson:
    """``schema``: JSON Schema of an object whose properties are plain values; the answer's value is of it."""

    message: str
    schema: JsonObject


@dataclass(frozen=True, slots=True)
class AskModel:
    """The answer's value is ``{"text": ...}``."""

    text: str
    most_tokens: int = 1000


@dataclass(frozen=True, slots=True)
class AskFolders:
    """Which folders the client works in; the answer's value is ``{"roots": [{"uri": ..., "name": ...}]}``."""


Question = AskPerson | AskModel | AskFolders


@dataclass(frozen=True, slots=True)
class Answer:
    """``action``: a person may ``decline``, or ``cancel`` without a choice; there is no value then."""

    action: Literal["accept", "decline", "cancel"]
    value: JsonObject = field(default_factory=dict)


class ToolClient(Protocol):
    """Whoever called a tool, for as long as the call lasts."""

    def takes(self, question: type[Question]) -> bool:
        """Whether such questions can be put to it."""
        ...

    async def ask(self, questions: Mapping[str, Question]) -> Mapping[str, Answer]:
        """An answer to each of ``questions``, by the same names. Raises AnswersNeeded, and the protocol's error for what it does not take.

        A tool may be called anew with the answers that were missing, from its beginning: what it does before it asks, it does again."""
        ...

    async def progress(self, done: float, total: float | None = None, said: str | None = None) -> None:
        """``done`` grows with each call; it is told where that is wanted."""
        ...

    async def say(self, level: Level, data: Json) -> None:
        """A message for whoever looks at the client's log."""
        ...


class AnswersNeeded(Exception):
    """Raised through a tool that asked where answers come with another call of it."""

    def __init__(self, questions: Mapping[str, Question]) -> None:
        super().__init__("Answers are needed before the call can go on.")
        self.questions = questions


APPROVAL: JsonObject = {
    "type": "object",
    "properties": {"approve": {"type": "boolean", "title": "Approve", "description": "Whether it may be done."}},
    "required": ["approve"],
}


async def is_approved(spec: ToolSpec, arguments: JsonObject, caller: ToolCaller) -> bool:
    """Whether a person says yes to a dangerous call; where nobody can be asked, whoever calls has to know. Raises AnswersNeeded."""
    if not spec.dangerous or caller.client is None or not caller.client.takes(AskPerson):
        return True
    told = json.dumps(arguments, ensure_ascii=False, default=str)
    shown = told if len(told) <= ARGUMENT_CHARS else told[:ARGUMENT_CHARS] + "..."
    asked = AskPerson(f"May '{spec.title}' ({spec.name}) be done with {shown}?", APPROVAL)
    answer = (await caller.client.ask({"approval": asked}))["approval"]
    return answer.action == "accept" and answer.value.get("approve") is True
