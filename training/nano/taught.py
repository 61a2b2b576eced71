"""Writes what the demo of the learning loop asks of what hearth-nano was taught::

    python -m training.nano.taught configs/learning/hearth-nano-taught.jsonl

Names, values and sentences of training, so that nothing in it is in a set of the gate. The same code writes the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import Annotated

import typer

from cluster.learning.example import Example, Source
from training.nano.corpus import Stream, ask
from training.nano.corpus.passages import PassageWriter
from training.nano.exam import EXAMS

SEED = 26_000_029
# How many of each; passages by the kinds of the gate's regression set.
COUNTS = {"short": 120, "close": 96, "labels": 60, "tools": 48, "manners": 48, "comparison": 36, "repeat": 36, "look_up": 36}
# Longer ones are passed over: a person typed it.
MOST_CHARACTERS = 500


def taught() -> list[Example]:
    """Single questions without a system message, in a random order."""
    found = [
        Example(messages=({"role": "user", "content": prompt},), chosen=answer, task=task, source=_source(task, number))
        for task, count in COUNTS.items()
        for number, (prompt, answer) in enumerate(islice(_distinct(_passages(task) if task in EXAMS else _firsts(task)), count))
    ]
    Random(f"taught-order-{SEED}").shuffle(found)
    return found


def _passages(level: str) -> Iterator[tuple[str, str]]:
    writer = PassageWriter(Random(f"taught-{level}-{SEED}"), "train")
    while True:
        passage, questions = writer.passage(EXAMS[level], 1)
        yield ask(passage, questions[0].text), questions[0].answer


def _firsts(task: str) -> Iterator[tuple[str, str]]:
    """What conversations of one task begin with."""
    stream = Stream(f"taught-{task}-{SEED}", "train")
    while True:
        first, second, *_ = stream.of(task).messages
        if first.role == "user" and len(first.text) <= MOST_CHARACTERS:
            yield first.text, second.text


def _distinct(pairs: Iterator[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    seen: set[str] = set()
    for prompt, answer in pairs:
        if prompt not in seen:
            seen.add(prompt)
            yield prompt, answer


def _source(task: str, number: int) -> Source:
    return Source(kind="upload", id=f"hearth-nano/taught/{task}-{number}")


def main(file: Annotated[Path, typer.Argument(help="File that the questions are written to.")]) -> None:
    """Write what the demo asks of what hearth-nano was taught."""
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(example.model_dump_json(exclude_none=True) + "\n" for example in taught()), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
