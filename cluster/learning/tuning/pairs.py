"""Files of preferences, one JSON object to a line: OpenAI's format, or the shape in which feedback becomes data::

{"input": {"messages": [{"role": "user", "content": "..."}]},
 "preferred_output": [{"role": "assistant", "content": "..."}], "non_preferred_output": [{"role": "assistant", "content": "..."}]}
{"messages": [{"role": "user", "content": "..."}], "chosen": "...", "rejected": "...", "source": {...}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from pydantic import ValidationError

from cluster.errors import Unprocessable
from cluster.learning.datasets.lines import PREFERENCE, example_of
from cluster.learning.example import Example, Source
from cluster.learning.tuning.lines import Turn, Turns, numbered_lines, refuse_few
from cluster.settings import TuningSettings


class Pair(NamedTuple):
    """What was asked, and two answers to it: one that is preferred to the other."""

    asked: Turns
    preferred: str
    other: str

    def conversations(self) -> tuple[Turns, Turns]:
        """With the one and with the other answer, which alone are learned."""
        preferred, other = ((*self.asked, Turn(role="assistant", content=answer)) for answer in (self.preferred, self.other))
        return preferred, other


def read_pairs(file: BinaryIO, limits: TuningSettings) -> Iterator[Pair]:
    """The pairs of ``file``, in order. Raises Unprocessable, with the number of the line, as :func:`read_examples` does."""
    return (_pair(number, raw) for number, raw in numbered_lines(file, limits))


def count_pairs(file: BinaryIO, limits: TuningSettings, least: int) -> int:
    """How many pairs there are, when all lines are right. Raises Unprocessable, also for less than ``least``, and when all are one."""
    found, first, different = 0, None, False
    for pair in read_pairs(file, limits):
        found, first = found + 1, first or pair
        different = different or pair != first
    refuse_few(found, least)
    if found > 1 and not different:
        raise Unprocessable(f"All {found} lines are the same pair, from which nothing but that pair can be learned; add others.")
    return found


def _pair(number: int, raw: bytes) -> Pair:
    try:
        example = example_of(raw, Source(kind="upload", id=str(number)), "chat")
    except Unprocessable as error:
        raise Unprocessable(f"Line {number}: {error.message}") from None
    if example.rejected is None:
        raise Unprocessable(f"Line {number} has one answer, and none that it is preferred to; expected {PREFERENCE}.")
    if example.rejected.strip() == example.chosen.strip():
        raise Unprocessable(f"Line {number} prefers an answer to itself: both are the same. Leave the line out.")
    return Pair(_asked(number, example), example.chosen, example.rejected)


def _asked(number: int, example: Example) -> Turns:
    try:
        turns = [Turn.model_validate(message) for message in example.messages]
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        raise Unprocessable(f"Line {number}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
    return tuple(turn.model_copy(update={"weight": 0}) if turn.role == "assistant" else turn for turn in turns)
