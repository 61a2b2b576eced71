"""Files of examples, one JSON object to a line: OpenAI's chat format, or the shape in which feedback becomes data::

    {"messages": [{"role": "user", "content": "..."}, {"role": "assistant", "content": "..."}]}
    {"messages": [{"role": "user", "content": "..."}], "chosen": "...", "source": {...}}

Read line by line and never held, so that a large file costs the API no memory.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any, BinaryIO, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from cluster.errors import Unprocessable
from cluster.learning.example import Example
from cluster.settings import TuningSettings

Turns = tuple["Turn", ...]


class Turn(BaseModel):
    """One message. ``weight`` 0: an answer that is shown and not learned."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    role: Literal["system", "user", "assistant", "tool"]
    content: str
    name: str | None = None
    weight: Annotated[int, Field(ge=0, le=1)] | None = None

    @property
    def learned(self) -> bool:
        return self.role == "assistant" and self.weight != 0


class _Chat(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)

    messages: Turns = Field(min_length=2)


def read_examples(file: BinaryIO, limits: TuningSettings) -> Iterator[Turns]:
    """The conversations of ``file``, in order; empty lines are passed over. Raises Unprocessable, with the number of the line, for one that
    is none, and for more than ``tuning.most_examples``."""
    return (_example(number, raw) for number, raw in numbered_lines(file, limits))


def numbered_lines(file: BinaryIO, limits: TuningSettings) -> Iterator[tuple[int, bytes]]:
    """The lines that are not empty, counted from 1. Raises Unprocessable for one that is too long, and for too many."""
    most, seen, number = int(limits.line_bytes), 0, 0
    while raw := file.readline(most + 2):
        number += 1
        if len(raw.rstrip(b"\r\n")) > most:
            raise Unprocessable(f"Line {number} is longer than {most} bytes (setting tuning.line_bytes); shorten or split it.")
        if not raw.strip():
            continue
        seen += 1
        if seen > limits.most_examples:
            raise Unprocessable(f"The file has more than {limits.most_examples} examples (setting tuning.most_examples); split it.")
        yield number, raw


def count_examples(file: BinaryIO, limits: TuningSettings, least: int) -> int:
    """How many examples there are, when all lines are right. Raises Unprocessable, also for less than ``least``."""
    found = sum(1 for _ in read_examples(file, limits))
    refuse_few(found, least)
    return found


def refuse_few(found: int, least: int) -> None:
    if found < least:
        said = "The file is empty" if not found else f"The file has {found} example{'s' if found > 1 else ''}"
        raise Unprocessable(f"{said}; at least {least} are needed to learn from them and to judge by others (tuning.least_examples).")


def _example(number: int, raw: bytes) -> Turns:
    told = _object(number, raw)
    if "preferred_output" in told:
        raise Unprocessable(f"Line {number} is a pair of answers, of which one is preferred; such are learned with the method 'dpo'.")
    try:
        turns = _from_feedback(told) if "chosen" in told else _Chat.model_validate(told).messages
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where = ".".join(map(str, first["loc"]))
        raise Unprocessable(f"Line {number}: {where + ': ' if where else ''}{first['msg']}.") from None
    if not any(turn.learned for turn in turns):
        raise Unprocessable(f"Line {number} has no answer to learn: no message has the role 'assistant', or all have the weight 0.")
    if turns[-1].role != "assistant":
        raise Unprocessable(f"Line {number} ends with a message of the role '{turns[-1].role}'; end it with the answer ('assistant').")
    if any(not turn.content.strip() for turn in turns if turn.learned):
        raise Unprocessable(f"Line {number} has an answer that is empty; leave the line out, or write the answer.")
    return turns


def _from_feedback(told: dict[str, Any]) -> Turns:
    example = Example.model_validate(told)
    asked = [Turn.model_validate({"role": one.get("role"), "content": one.get("content")}) for one in example.messages]
    shown = [turn.model_copy(update={"weight": 0}) if turn.role == "assistant" else turn for turn in asked]
    return (*shown, Turn(role="assistant", content=example.chosen))


def _object(number: int, raw: bytes) -> dict[str, Any]:
    try:
        told = json.loads(raw.decode("utf-8-sig" if number == 1 else "utf-8"))
    except (ValueError, RecursionError) as error:
        why = "not UTF-8" if isinstance(error, UnicodeDecodeError) else "not JSON"
        raise Unprocessable(f"Line {number} is {why}; write one JSON object to a line, with the field 'messages'.") from None
    if not isinstance(told, dict):
        raise Unprocessable(f"Line {number} is no JSON object; write one to a line, with the field 'messages'.")
    return told
