"""The skills of the language model as examinations: fresh held-out exercises, and what counts as right in each.

Every exercise is made of names, values and sentence patterns that no training text has.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from cluster.learning.gate.marks import items
from training.nano.corpus import ABSTENTION, SKILLS, Message, Stream
from training.nano.exam import share

Figures = dict[str, float]
# What the family is meant to reach; `skills` without a bar are reported all the same.
BARS: Mapping[str, float] = {
    "grounded answer": 0.85,
    "grounded citation": 0.85,
    "grounded abstention": 0.90,
    "extraction F1": 0.80,
    "labels": 0.90,
    "tools": 0.85,
    "comparison": 0.90,
}


@dataclass(frozen=True)
class Exercise:
    """What to send (the last answer left out), the answer expected, and the JSON Schema it follows, as text, where it has one."""

    skill: str
    messages: tuple[Message, ...]
    answer: str
    schema: str


Responder = Callable[[Sequence[Exercise]], list[str]]


def draw(seed: int, count: int, skill: str) -> list[Exercise]:
    """`count` exercises; the same seed gives the same ones."""
    stream = Stream(f"skills-{seed}", "held_out")
    drawn = [stream.of(skill) for _ in range(count)]
    return [Exercise(skill, talk.messages[:-1], talk.messages[-1].text, talk.schema) for talk in drawn]


def marked(skill: str, exercises: Sequence[Exercise], answers: Sequence[str]) -> Figures:
    """Shares from 0 to 1 by name; the names with a bar stand in BARS."""
    pairs = [(exercise.answer, answer.strip()) for exercise, answer in zip(exercises, answers, strict=True)]
    if skill == "grounded":
        return _grounded(pairs)
    if skill == "extraction":
        return {"extraction F1": micro_f1(pairs), "extraction exact": share(_same_json(*pair) for pair in pairs)}
    if skill == "tools":
        return {"tools": share(_same_json(*pair) for pair in pairs)}
    return {skill: share(expected == said for expected, said in pairs)}


def _grounded(pairs: Sequence[tuple[str, str]]) -> Figures:
    """Answer and citation over what can be answered; abstention: right decisions whether to answer, over all."""
    possible = [(_parts(expected), _parts(said)) for expected, said in pairs if expected != ABSTENTION]
    cited = [(expected, said) for expected, said in possible if expected[1]]
    return {
        "grounded answer": share(expected[0] == said[0] for expected, said in possible),
        "grounded citation": share(expected[1] == said[1] for expected, said in cited),
        "grounded abstention": share((expected == ABSTENTION) == (said == ABSTENTION) for expected, said in pairs),
    }


def _parts(answer: str) -> tuple[str, str]:
    """An answer and its citation: ("Sudale", "2") of "Sudale [2]"."""
    text, mark, number = answer.rpartition(" [")
    return (text, number.rstrip("].")) if mark and number.rstrip(".").endswith("]") else (answer, "")


def micro_f1(pairs: Iterable[tuple[str, str]]) -> float:
    """Over all items of all answers. An item of a list counts when all of its fields are right; a record counts field by field."""
    hits = expected_items = said_items = 0
    for expected, said in pairs:
        wanted, found = items(expected), items(said)
        hits += (wanted & found).total()
        expected_items += wanted.total()
        said_items += found.total()
    return 2 * hits / max(1, expected_items + said_items)


def _same_json(expected: str, said: str) -> bool:
    try:
        return bool(json.loads(expected) == json.loads(said))
    except json.JSONDecodeError:
        return False


def examine_all(responder: Responder, seed: int, count: int, skills: Sequence[str] = SKILLS) -> Figures:
    """Every skill's figures, in order."""
    figures: Figures = {}
    for skill in skills:
        exercises = draw(seed, count, skill)
        figures |= marked(skill, exercises, responder(exercises))
    return figures
