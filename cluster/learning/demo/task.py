"""A task that hearth-nano was never taught, and the traffic in which it is asked: a note becomes a line of a card index.

Example: user "Note: Brada Velkon lives in Tofford.\n\nCard:", answer "home: Tofford". Among such notes stands what it was taught.

Everything is invented; the same seed gives the same text. Names, values and wordings of what is held out are in none of the
notes of the traffic.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal
from zlib import crc32

from cluster.home import REPOSITORY
from cluster.learning.example import Example

Split = Literal["traffic", "held_out"]
# Counted up with every change of what is asked, or of how it is learned: figures of two versions are not compared.
VERSION = 3
TASK = "card-index"
KNOWN = "question"
# Of the traffic, what the model was taught to answer.
KNOWN_SHARE = 0.5
# Written by training/nano/taught.py: questions on passages that answer them and that do not, labels, tools, comparisons and more, one
# Example to a line. What is thanked for among them is learned on with what is new, and so it is not forgotten.
TAUGHT = REPOSITORY / "configs" / "learning" / "hearth-nano-taught.jsonl"
# One name or value in four is for what is held out only.
HELD_OUT_IN = 4
# What a training is told: so few examples are seen often, and to the end. The learning rate that follows from a width of 256 (2.5e-3) is
# too high here: with it the model forgets how to copy before it knows the words of the index. And so is the usual rank: with 16 it learns
# more of the new task, and loses more of what it could do.
PARAMETERS: dict[str, float | int] = {"epochs": 25, "patience": 0, "learning_rate": 1e-3, "rank": 4, "alpha": 8}

ONSETS = tuple("b br d dr f fl g gr h k kr l m n p pr r s sk st t tr v vl w z".split())
VOWELS = tuple("a e i o u a e i o u ai ea oo".split())
ENDS = ("", "", "", "n", "r", "l", "s", "nd", "rt", "k", "m")
TOWN_ENDS = ("ton", "burg", "ford", "haven", "port", "dale", "field", "stad")
FIRM_ENDS = (" Works", " Labs", " Group", " Systems", " Foods", " Energy")
COLOURS = tuple("black blue brown green grey orange red white yellow".split())
THINGS = tuple("lamp coat table clock chair bicycle kettle camera mirror vase umbrella basket".split())
JOBS = tuple("baker carpenter clerk cook driver gardener guard nurse painter pilot plumber tailor teacher welder".split())
MONTHS = tuple("January February March April May June July August September October November December".split())


@dataclass(frozen=True, slots=True)
class Field:
    """``code``: its word in the index; ``kind``: of its values."""

    code: str
    kind: str
    statements: tuple[str, ...]


FIELDS = (
    Field("home", "town", ("{s} lives in {v}.", "{s} has a home in {v}.", "The home of {s} is in {v}.")),
    Field("birth", "town", ("{s} was born in {v}.", "The birthplace of {s} is {v}.")),
    Field("firm", "firm", ("{s} works for {v}.", "{v} employs {s}.", "{s} has a job at {v}.")),
    Field("job", "job", ("{s} works as a {v}.", "{s} is a {v} by trade.", "By profession {s} is a {v}.")),
    Field("age", "age", ("{s} is {v} years old.", "{s} has turned {v}.")),
    Field("boss", "person", ("{s} reports to {v}.", "{v} manages {s}.", "The manager of {s} is {v}.")),
    Field("spouse", "person", ("{s} is married to {v}.", "{s} married {v}.")),
    Field("bought", "object", ("{s} bought {v}.", "{s} has just bought {v}.", "At the market {s} bought {v}.")),
    Field("desk", "room", ("{s} sits in {v}.", "The office of {s} is {v}.", "{s} has a desk in {v}.")),
    Field("phone", "number", ("{s}'s phone number is {v}.", "To reach {s}, call {v}.")),
    Field("start", "date", ("{s} joined on {v}.", "{s} started on {v}.", "The first day of {s} was {v}.")),
    Field("end", "date", ("{s} will retire on {v}.", "{s} plans to retire on {v}.")),
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked, and the right answer. ``kind``: the word of the field, or KNOWN for a question the model was taught."""

    kind: str
    prompt: str
    answer: str


class Maker:
    """Names and values of one split."""

    def __init__(self, random: Random, split: Split) -> None:
        self._random = random
        self._split = split
        self._makers: dict[str, Callable[[], str]] = {
            "person": lambda: f"{self._name()} {self._name()}",
            "town": lambda: self._name() + random.choice(TOWN_ENDS),
            "firm": lambda: self._name() + random.choice(FIRM_ENDS),
            "object": lambda: f"a {random.choice(COLOURS)} {random.choice(THINGS)}",
            "room": lambda: f"Room {random.randint(1, 999)}",
            "number": lambda: str(random.randint(1000, 99999)),
            "date": lambda: f"{random.randint(1, 28)} {random.choice(MONTHS)}",
            # Too few to keep some back.
            "job": lambda: random.choice(JOBS),
            "age": lambda: str(random.randint(18, 99)),
        }

    def value(self, kind: str) -> str:
        while True:
            made = self._makers[kind]()
            if kind in {"job", "age"} or (crc32(made.encode()) % HELD_OUT_IN == 0) == (self._split == "held_out"):
                return made

    def _name(self) -> str:
        random = self._random
        return ("".join(random.choice(ONSETS) + random.choice(VOWELS) for _ in range(2)) + random.choice(ENDS)).capitalize()


def note(random: Random, split: Split, field: Field) -> Asked:
    """A line of the index to be written; the last wording of a field with three is for what is held out."""
    maker = Maker(random, split)
    value = maker.value(field.kind)
    told = _told(random, split, field, maker.value("person"), value)
    return Asked(field.code, f"Note: {told}\n\nCard:", f"{field.code}: {value}")


def taught() -> list[Asked]:
    """What it was taught, in the file's order."""
    examples = map(Example.model_validate_json, TAUGHT.read_text(encoding="utf-8").splitlines())
    return [Asked(KNOWN, example.messages[-1]["content"], example.chosen) for example in examples]


def traffic(seed: int, count: int) -> list[Asked]:
    """What people asked: half of it known (again from the first when all of it was asked); of the new notes the first fields come often,
    and the last seldom (Zipf)."""
    random = Random(f"traffic-{seed}")  # noqa: S311 - repeatable text, no secret
    often = [1 / (rank + 1) for rank in range(len(FIELDS))]
    pool = taught()
    known = itertools.cycle(random.sample(pool, len(pool)))
    return [
        next(known) if random.random() < KNOWN_SHARE else note(random, "traffic", random.choices(FIELDS, often)[0]) for _ in range(count)
    ]


def held_out(seed: int, count: int) -> list[Asked]:
    """New notes that nobody has seen, of each field as many: who needs a rare one needs it as much."""
    random = Random(f"held-out-{seed}")  # noqa: S311 - repeatable text, no secret
    return [note(random, "held_out", FIELDS[number % len(FIELDS)]) for number in range(count)]


def _told(random: Random, split: Split, field: Field, person: str, value: str) -> str:
    some = field.statements
    if len(some) > 2:
        some = some[-1:] if split == "held_out" else some[:-1]
    text = random.choice(some).format(s=person, v=value)
    return text[:1].upper() + text[1:]
