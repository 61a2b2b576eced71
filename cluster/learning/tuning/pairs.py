"""Files of preferences, one JSON object to a line: OpenAI's format, or the shape in which feedback becomes data::

{"input": {"messages": [{"role": "user", "content": "..."}]},
 "preferred_output": [{"role": "assistant", "content": "..."}], "non_preferred_output": [{"role": "assistant", "content": "..."}]}
{"messages": [{"role": "user", "content": "..."}], "chosen": "...", "rejected": "...", "source": {...}}
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from cluster.errors import Unprocessable
from cluster.learning.chat_lines import PREFERENCE, Turn, Turns, chat_line
from cluster.learning.tuning.lines import numbered_lines, refuse_few
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
        line = chat_line(raw)
    except Unprocessable as error:
        raise Unprocessable(f"Line {number}: {error.message}") from None
    answer = line.answer.content or ""
    if line.rejected is None:
        raise Unprocessable(f"Line {number} has one answer, and none that it is preferred to; expected {PREFERENCE}.")
    if line.rejected.strip() == answer.strip():
        raise Unprocessable(f"Line {number} prefers an answer to itself: both are the same. Leave the line out.")
    return Pair(tuple(turn.shown for turn in line.asked), answer, line.rejected)
