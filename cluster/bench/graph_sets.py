"""Labelled sets for the graphs that come with Hearth, made from words of their own: the same seed gives the same cases.

Small and plain on purpose: what they tell is whether a graph does its work with the models at hand, and better than what is simpler.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

FIRST = (
    "Nora",
    "Okan",
    "Ludo",
    "Mira",
    "Petra",
    "Jonas",
    "Selma",
    "Ivo",
    "Greta",
    "Hanno",
    "Talia",
    "Bruno",
    "Edda",
    "Marek",
    "Wanda",
    "Silas",
)
LAST = ("Feld", "Prest", "Ferrant", "Velden", "Harke", "Brandt", "Osterlo", "Quist", "Rehm", "Lindqvist", "Sorge", "Tamm", "Ulrich", "Zorn")
TOWNS = ("Sudale", "Velmhaven", "Brelford", "Harlan", "Norholm", "Kestrup", "Ostmere", "Lindwick", "Tarnby", "Welsby")
FIRMS = ("Brel Foods", "Velm Energy", "Norholm Works", "Harlan Labs", "Kestrup Mills", "Ostmere Shipping", "Tarnby Motors")
JOBS = ("baker", "pilot", "waiter", "nurse", "guard", "painter", "gardener", "plumber")
THINGS = ("pump", "fence", "boiler", "bridge", "roof", "engine", "gate", "lamp")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
CHORES = (
    "call the glazier",
    "order the paint",
    "book the hall",
    "send the offer",
    "check the boiler",
    "repair the fence",
    "water the garden",
)
FILLER = ("The morning was cold and bright.", "Nothing else is known about it.", "Everybody had tea afterwards.", "It rained until noon.")
LABELS = ("invoice", "contract", "complaint", "report")
LETTERS = {
    "invoice": "Invoice number {number}. {person} owes {firm} {sum} euros for the {thing}. Please pay the amount by {day}.",
    "contract": "Contract between {firm} and {person}. Both parties agree: {person} keeps the {thing} for {sum} euros a year.",
    "complaint": "Complaint. {person} is not satisfied with {firm}: the {thing} was broken on {day} and {person} wants the money back.",
    "report": "Report of the inspection on {day}. {person} of {firm} examined the {thing} and found that it works. Result number {number}.",
}


@dataclass(frozen=True, slots=True)
class Person:
    name: str
    town: str
    firm: str
    job: str

    @property
    def document(self) -> str:
        return f"{self.name} lives in {self.town}. {self.name} works at {self.firm}. The profession of {self.name} is {self.job}."


@dataclass(frozen=True, slots=True)
class Question:
    """``answers``: what a right answer names. ``document``: the one that says it."""

    text: str
    answers: tuple[str, ...]
    document: str


@dataclass(frozen=True, slots=True)
class Pair:
    """Two answers, of which the ``better`` (first or second) is right."""

    question: str
    first: str
    second: str
    better: str


@dataclass(frozen=True, slots=True)
class Letter:
    text: str
    label: str
    names: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Note:
    """``chores``: (who, what)."""

    transcript: str
    chores: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Piece:
    """A text to be summarised; ``facts``: what a summary must name."""

    text: str
    facts: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Sets:
    """``plain``: questions with one side; ``questions``: with two."""

    people: tuple[Person, ...]
    plain: tuple[Question, ...]
    questions: tuple[Question, ...]
    pairs: tuple[Pair, ...]
    letters: tuple[Letter, ...]
    notes: tuple[Note, ...]
    pieces: tuple[Piece, ...]


def make(seed: int, count: int) -> Sets:
    """``count`` cases for each graph."""
    draw = random.Random(seed)  # noqa: S311 - cases, not secrets
    names = [f"{first} {last}" for first in FIRST for last in LAST]
    people = tuple(Person(name, draw.choice(TOWNS), draw.choice(FIRMS), draw.choice(JOBS)) for name in draw.sample(names, max(12, count)))
    return Sets(
        people,
        tuple(_plain(draw, person) for person in people[:count]),
        tuple(_question(draw, person) for person in people[:count]),
        tuple(_pair(draw, people[index], flipped=index % 2 == 1) for index in range(count)),
        tuple(_letter(draw, people[index], LABELS[index % len(LABELS)]) for index in range(count)),
        tuple(_note(draw, people) for _ in range(count)),
        tuple(_piece(draw, person) for person in people[:count]),
    )


def _sides(person: Person) -> list[tuple[str, str]]:
    return [
        (f"where does {person.name} live", person.town),
        (f"where does {person.name} work", person.firm),
        (f"what is the profession of {person.name}", person.job),
    ]


def _plain(draw: random.Random, person: Person) -> Question:
    side, said = draw.choice(_sides(person))
    return Question(f"{side[0].upper()}{side[1:]}?", (said,), f"{person.name}.txt")


def _question(draw: random.Random, person: Person) -> Question:
    """With two sides, both in one document."""
    (one, first), (two, second) = draw.sample(_sides(person), 2)
    return Question(f"{one[0].upper()}{one[1:]}, and {two}?", (first, second), f"{person.name}.txt")


def _pair(draw: random.Random, person: Person, *, flipped: bool) -> Pair:
    wrong = draw.choice([town for town in TOWNS if town != person.town])
    right, other = f"{person.name} lives in {person.town}.", f"{person.name} lives in {wrong}."
    question = f"{person.document} Where does {person.name} live?"
    return Pair(question, other, right, "second") if flipped else Pair(question, right, other, "first")


def _letter(draw: random.Random, person: Person, label: str) -> Letter:
    given = {
        "number": str(draw.randint(1000, 9999)),
        "sum": str(draw.randint(20, 900)),
        "thing": draw.choice(THINGS),
        "day": draw.choice(DAYS),
    }
    text = LETTERS[label].format(person=person.name, firm=person.firm, **given)
    return Letter(text, label, (person.name, person.firm))


def _note(draw: random.Random, people: Sequence[Person]) -> Note:
    who, what = draw.sample([person.name.split()[0] for person in people], 2), draw.sample(CHORES, 2)
    days = draw.sample(DAYS, 2)
    told = [f"{name} is to {chore} by {day}." for name, chore, day in zip(who, what, days, strict=True)]
    return Note(" ".join([told[0], draw.choice(FILLER), told[1]]), tuple(zip(who, what, strict=True)))


def _piece(draw: random.Random, person: Person) -> Piece:
    """What matters stands between what does not."""
    before, after = draw.sample(FILLER, 2)
    return Piece(f"{before} {person.name} moved to {person.town}. {after}", (person.name, person.town))
