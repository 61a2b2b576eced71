"""A system prompt with examples in it, as a person could have written it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shot:
    """A question, and how it is answered."""

    asked: str
    answer: str


def with_shots(instruction: str, shots: Sequence[Shot]) -> str:
    if not shots:
        return instruction
    shown = "\n\n".join(f"Question: {shot.asked}\nAnswer: {shot.answer}" for shot in shots)
    return f"{instruction}\n\nExamples:\n\n{shown}"


def as_template(template: str, shots: Sequence[Shot]) -> str:
    """The same as a prompt keeps it: a dollar in an example is no variable."""
    return with_shots(template, [Shot(shot.asked.replace("$", "$$"), shot.answer.replace("$", "$$")) for shot in shots])
