"""A task that hearth-nano was never taught, and the traffic in which it is asked: a note becomes a line of a card index.

Example: user "Note: Brada Velkon lives in Tofford.\n\nCard:", answer "home: Tofford". Among such notes stand questions on passages, which
it was taught.

Everything is invented here; the same seed gives the same text. Names, values and wordings of what is held out are in none of the traffic.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal
from zlib import crc32

Split = Literal["traffic", "held_out"]
# Counted up with every change of what is asked, or of how it is learned: figures of two versions are not compared.
VERSION = 2
TASK = "card-index"
KNOWN = "question"
# Of the traffic, what the model was taught to answer.
KNOWN_SHARE = 0.5
# And of that, what is about a passage, and what is to be said again; the rest is to be looked up in a list.
PASSAGES, REPEATS = 0.6, 0.2
PIECES = ("person", "town", "number", "date", "object", "room")
# One name or value in four is for what is held out only.
HELD_OUT_IN = 4
# What a training is told: so few examples are seen often, and to the end. The learning rate that follows from a width of 256 (2.5e-3) is
# too high here: with it the model forgets how to copy before it knows the words of the index.
PARAMETERS: dict[str, float | int] = {"epochs": 40, "patience": 0, "learning_rate": 1e-3}

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
    """``code``: its word in the index; ``kind``: of its values. ``question``: as the model was taught to be asked."""

    code: str
    kind: str
    statements: tuple[str, ...]
    question: str


FIELDS = (
    Field("home", "town", ("{s} lives in {v}.", "{s} has a home in {v}.", "The home of {s} is in {v}."), "Where does {s} live?"),
    Field("birth", "town", ("{s} was born in {v}.", "The birthplace of {s} is {v}."), "Where was {s} born?"),
    Field("firm", "firm", ("{s} works for {v}.", "{v} employs {s}.", "{s} has a job at {v}."), "Who does {s} work for?"),
    Field("job", "job", ("{s} works as a {v}.", "{s} is a {v} by trade.", "By profession {s} is a {v}."), "What is the job of {s}?"),
    Field("age", "age", ("{s} is {v} years old.", "{s} has turned {v}."), "How old is {s}?"),
    Field("boss", "person", ("{s} reports to {v}.", "{v} manages {s}.", "The manager of {s} is {v}."), "Who does {s} report to?"),
    Field("spouse", "person", ("{s} is married to {v}.", "{s} married {v}."), "Who is {s} married to?"),
    Field("bought", "object", ("{s} bought {v}.", "{s} has just bought {v}.", "At the market {s} bought {v}."), "What did {s} buy?"),
    Field("desk", "room", ("{s} sits in {v}.", "The office of {s} is {v}.", "{s} has a desk in {v}."), "Where does {s} sit?"),
    Field("phone", "number", ("{s}'s phone number is {v}.", "To reach {s}, call {v}."), "What is the phone number of {s}?"),
    Field("start", "date", ("{s} joined on {v}.", "{s} started on {v}.", "The first day of {s} was {v}."), "When did {s} join?"),
    Field("end", "date", ("{s} will retire on {v}.", "{s} plans to retire on {v}."), "When will {s} retire?"),
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


def question(random: Random, split: Split) -> Asked:
    """What the model was taught: mostly a passage of two facts and a question about one, else to say something again or look it up."""
    maker = Maker(random, split)
    form = random.random()
    if form < PASSAGES:
        return _passage(random, split, maker)
    pieces = [maker.value(random.choice(PIECES)) for _ in range(random.randint(2, 4))]
    if form < PASSAGES + REPEATS:
        return Asked(KNOWN, f"Repeat: {' '.join(pieces)}", " ".join(pieces))
    pairs = {maker.value("town").lower(): piece for piece in pieces}
    key = random.choice(list(pairs))
    listing = "; ".join(f"{name}: {piece}" for name, piece in pairs.items())
    return Asked(KNOWN, f"{listing}\n\n{key}?", pairs[key])


def traffic(seed: int, count: int) -> list[Asked]:
    """What people asked: half of it known; of the new notes the first fields come often, and the last seldom (Zipf)."""
    random = Random(f"traffic-{seed}")  # noqa: S311 - repeatable text, no secret
    often = [1 / (rank + 1) for rank in range(len(FIELDS))]
    return [
        question(random, "traffic") if random.random() < KNOWN_SHARE else note(random, "traffic", random.choices(FIELDS, often)[0])
        for _ in range(count)
    ]


def held_out(seed: int, count: int) -> list[Asked]:
    """New notes that nobody has seen, of each field as many: who needs a rare one needs it as much."""
    random = Random(f"held-out-{seed}")  # noqa: S311 - repeatable text, no secret
    return [note(random, "held_out", FIELDS[number % len(FIELDS)]) for number in range(count)]


def _passage(random: Random, split: Split, maker: Maker) -> Asked:
    person, fields = maker.value("person"), random.sample(FIELDS, 2)
    values = [maker.value(field.kind) for field in fields]
    passage = " ".join(_told(random, split, field, person, value) for field, value in zip(fields, values, strict=True))
    asked = random.randrange(2)
    return Asked(KNOWN, f"Passage: {passage}\n\nQuestion: {fields[asked].question.format(s=person)}", values[asked])


def _told(random: Random, split: Split, field: Field, person: str, value: str) -> str:
    some = field.statements
    if len(some) > 2:
        some = some[-1:] if split == "held_out" else some[:-1]
    text = random.choice(some).format(s=person, v=value)
    return text[:1].upper() + text[1:]
