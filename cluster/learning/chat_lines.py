"""The one reader of lines of chat: what datasets are built from and what trainings learn. Three formats are read::

    {"messages": [{"role": "user", "content": "2 + 3?"}, {"role": "assistant", "content": "5"}]}
    {"input": {"messages": [{"role": "user", "content": "2 + 3?"}]},
     "preferred_output": [{"role": "assistant", "content": "5"}], "non_preferred_output": [{"role": "assistant", "content": "6"}]}
    {"messages": [{"role": "user", "content": "2 + 3?"}], "chosen": "5", "rejected": "6", "task": "sums"}

The first two are OpenAI's, the third is ours, as a dataset is downloaded.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cluster.errors import Unprocessable

Role = Literal["system", "developer", "user", "assistant", "tool"]
ROLES: tuple[Role, ...] = get_args(Role)
# Fields of OpenAI's that say nothing here.
IGNORED = frozenset({"refusal"})
CHAT = '{"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}'
PREFERENCE = (
    '{"input": {"messages": [...]}, "preferred_output": [{"role": "assistant", "content": "..."}], '
    '"non_preferred_output": [{"role": "assistant", "content": "..."}]}'
)
FIELDS = (
    frozenset({"messages", "task"}),
    frozenset({"input", "preferred_output", "non_preferred_output", "task"}),
    frozenset({"messages", "chosen", "rejected", "task", "source"}),
)
Turns = tuple["Turn", ...]


class Turn(BaseModel):
    """One message. ``content`` is None only beside ``tool_calls``. ``weight`` 0: an answer that is shown and not learned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Role
    content: str | None
    name: str | None = None
    tool_calls: tuple[dict[str, Any], ...] | None = None
    tool_call_id: str | None = None
    weight: Annotated[int, Field(ge=0, le=1)] | None = None

    @property
    def learned(self) -> bool:
        """Calls of tools are shown and never learned: what comes of them is not known here."""
        return self.role == "assistant" and self.weight != 0 and not self.tool_calls

    @property
    def shown(self) -> Turn:
        """The same, not to be learned."""
        return self.model_copy(update={"weight": 0}) if self.role == "assistant" else self

    def message(self) -> dict[str, Any]:
        """In OpenAI's shape."""
        kept = {"name": self.name, "tool_calls": self.tool_calls and list(self.tool_calls), "tool_call_id": self.tool_call_id}
        return {"role": self.role, "content": self.content} | {name: value for name, value in kept.items() if value is not None}


@dataclass(frozen=True, slots=True)
class ChatLine:
    """What was said up to the ``answer`` that is to be learned, and another one, ``rejected``, that is worse. ``task`` as it is written;
    None where there is none. ``is_pair``: whoever wrote it wants both learned, it being OpenAI's format for that."""

    asked: Turns
    answer: Turn
    rejected: str | None
    task: object
    is_pair: bool = False

    @property
    def turns(self) -> Turns:
        return (*self.asked, self.answer)


def chat_line(raw: bytes) -> ChatLine:
    """Raises Unprocessable with what is wrong and what is expected."""
    told = object_of(raw)
    if "chosen" in told:
        asked = [turn.shown for turn in _messages(told, FIELDS[2], "messages")]
        rejected = None if told.get("rejected") is None else _text(told, "rejected")
        line = ChatLine(tuple(asked), Turn(role="assistant", content=_text(told, "chosen")), rejected, told.get("task"))
    elif "input" in told or "preferred_output" in told:
        line = _preference(told)
    else:
        *before, last = _messages(told, FIELDS[0], "messages")
        _text_of(last, f"messages.{len(before)}")
        line = ChatLine(tuple(before), last, None, told.get("task"))
    if not line.asked:
        raise Unprocessable(f"'messages' holds an answer and no question; expected {CHAT}.")
    if line.asked[-1].role not in ("user", "tool"):
        raise Unprocessable(f"What comes before the answer must be a message of 'user' or 'tool', not of '{line.asked[-1].role}'.")
    return line


def object_of(raw: bytes) -> dict[str, Any]:
    try:
        # A byte order mark is what some programs begin a file with; half of a surrogate pair is no text that could be written again.
        told = json.loads(raw.decode("utf-8-sig"), parse_constant=_no_number)
        json.dumps(told, ensure_ascii=False).encode()
    except (ValueError, RecursionError) as error:
        raise Unprocessable(f"The line is not a JSON object in UTF-8 ({str(error)[:200]}); expected {CHAT}.") from None
    if not isinstance(told, dict):
        raise Unprocessable(f"The line is not a JSON object; expected {CHAT}.")
    return told


def _preference(told: Mapping[str, Any]) -> ChatLine:
    asked = told.get("input")
    if not isinstance(asked, dict):
        raise Unprocessable(f"'input' must be an object with 'messages'; expected {PREFERENCE}.")
    _refuse_surplus(told, FIELDS[1], PREFERENCE)
    answers = []
    for name in ("preferred_output", "non_preferred_output"):
        output = told.get(name)
        if not isinstance(output, list) or len(output) != 1:
            raise Unprocessable(f"'{name}' must be a list of one message of 'assistant'; expected {PREFERENCE}.")
        answers.append(_text_of(_turn(output[0], f"{name}.0"), f"{name}.0"))
    shown = [turn.shown for turn in _messages(asked, frozenset({"messages"}), "input.messages")]
    return ChatLine(tuple(shown), Turn(role="assistant", content=answers[0]), answers[1], told.get("task"), is_pair=True)


def _messages(told: Mapping[str, Any], fields: frozenset[str], path: str) -> list[Turn]:
    _refuse_surplus(told, fields, CHAT)
    messages = told.get("messages")
    if not isinstance(messages, list) or not messages:
        raise Unprocessable(f"'{path}' must be a list of messages; expected {CHAT}.")
    return [_turn(message, f"{path}.{number}") for number, message in enumerate(messages)]


def _turn(message: object, path: str) -> Turn:
    if not isinstance(message, dict) or message.get("role") not in ROLES:
        raise Unprocessable(f"'{path}' must be an object with a 'role' of {', '.join(ROLES)} and a 'content'.")
    if surplus := sorted(message.keys() - Turn.model_fields.keys() - IGNORED):
        raise Unprocessable(f"'{path}.{surplus[0][:100]}' is not a field of a message that is taken here.")
    kept = {name: value for name, value in message.items() if name in Turn.model_fields and value is not None}
    if message.get("content") is not None or not kept.get("tool_calls"):
        kept["content"] = _content(message.get("content"), path)
    try:
        return Turn.model_validate({"content": None} | kept)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Unprocessable(f"'{'.'.join((path, *map(str, first['loc'])))}' is wrong: {first['msg']}.") from None


def _content(content: object, path: str) -> str:
    """Parts of text are put together; other parts are not taken."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else []
    texts = [part["text"] for part in parts if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str)]
    if not parts or len(texts) != len(parts):
        raise Unprocessable(f"'{path}.content' must be a text, or a list of parts of type 'text'.")
    return "".join(texts)


def _text_of(turn: Turn, path: str) -> str:
    if turn.role != "assistant" or turn.content is None or not turn.content.strip() or turn.tool_calls:
        raise Unprocessable(f"'{path}' must be a message of 'assistant' with a text in 'content': the answer to learn.")
    return turn.content


def _text(told: Mapping[str, Any], name: str) -> str:
    value = told.get(name)
    if not isinstance(value, str) or not value.strip():
        raise Unprocessable(f"'{name}' must be a text that is not empty.")
    return value


def _refuse_surplus(told: Mapping[str, Any], fields: frozenset[str], expected: str) -> None:
    if surplus := sorted(told.keys() - fields):
        raise Unprocessable(f"'{surplus[0][:100]}' is not a field that is taken here; expected {expected}.")


def _no_number(word: str) -> float:
    raise ValueError(f"{word} is not a number in JSON")
