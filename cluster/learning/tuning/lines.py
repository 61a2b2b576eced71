"""Files of examples, one to a line, in a format of ``chat_lines.py``; of two answers that feedback left the better one is learned.

Read line by line and never held, so that a large file costs the API no memory.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO

from cluster.errors import Unprocessable
from cluster.learning.chat_lines import Turns, chat_line
from cluster.settings import TuningSettings


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
    try:
        line = chat_line(raw)
    except Unprocessable as error:
        raise Unprocessable(f"Line {number}: {error.message}") from None
    if line.is_pair:
        raise Unprocessable(f"Line {number} is a pair of answers, of which one is preferred; such are learned with the method 'dpo'.")
    learned = [turn for turn in line.turns if turn.learned]
    if not learned:
        raise Unprocessable(f"Line {number} has no answer to learn: all messages of 'assistant' have the weight 0.")
    if any(not (turn.content or "").strip() for turn in learned):
        raise Unprocessable(f"Line {number} has an answer that is empty; leave the line out, or write the answer.")
    return line.turns
