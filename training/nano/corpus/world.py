"""Invented facts and the sentences that state them: what every task of the newer kind is made of.

Example: ``world.fact("person")`` may be that Okan Prest's home town is Sudale; ``world.statement`` of it "As far as we know, Okan Prest
still resides in Sudale." and ``world.question`` "In what town does Okan Prest have a home?".
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from random import Random

from training.nano.corpus.facts import (
    AFTER,
    ASK_BEFORE,
    ASK_BY_NOUN,
    BEFORE,
    BY_NOUN,
    BY_SUBJECT,
    NOUNS_FOR_ANYTHING,
    Kind,
    made_up,
)
from training.nano.corpus.splits import Split
from training.nano.corpus.vocabulary import ADJECTIVES, FILLERS, NOUNS, TIMES
from training.nano.corpus.wordings import wordings
from training.nano.corpus.words import Maker

SUBJECTS = ("person", "person", "person", "company", "company", "the_thing", "the_thing", "town", "project", "meeting")
PRONOUNS = {"person": (("she", "her"), ("he", "his")), "company": (("it", "its"),), "town": (("it", "its"),), "the_thing": (("it", "its"),)}
TYPOS = 0.03  # share of sentences with one
# Exercises of one conversation in training: what stands before the first (labels, signatures, a schema) is read once for all of them, and a
# network learns from answers above all.
TURNS = (1, 1, 2, 3, 4)


@dataclass(frozen=True)
class Fact:
    """One thing said of one subject; ``noun`` is the word for it that this text uses."""

    kind: Kind
    noun: str
    subject: str
    value: str


class World:
    """Facts and wordings of one split, from one random stream."""

    def __init__(self, rng: Random, split: Split) -> None:
        self.rng, self.split = rng, split
        self.maker = Maker(rng, split)

    def pick(self, grammar: str) -> str:
        """One pattern of a grammar."""
        return self.rng.choice(wordings(grammar, self.split))

    def chance(self, share: float) -> bool:
        return self.rng.random() < share

    def turns(self) -> int:
        """How many exercises a conversation has; in an examination each stands alone."""
        return self.rng.choice(TURNS) if self.split == "train" else 1

    def subject(self, kind: str) -> str:
        maker, rng = self.maker, self.rng
        if kind == "project":
            return rng.choice(("Project {}", "the {} project", "the {} plan", "the {} programme")).format(maker.name())
        if kind == "meeting":
            return f"the {maker.name()} {rng.choice(('meeting', 'talk', 'workshop', 'course', 'review', 'call', 'session'))}"
        if kind == "the_thing":
            return "the " + maker.value("thing")
        return maker.value(kind)

    def related(self, subject: str, kind: str) -> str:
        """Another subject of the same kind; a person may share a first or a last name with the one given."""
        other = self.subject(kind)
        names, others = subject.split(), other.split()
        if kind == "person" and len(names) == len(others) == 2 and self.chance(0.2):
            return self.rng.choice((f"{names[0]} {others[1]}", f"{others[0]} {names[1]}"))
        return other

    def kinds(self, subject_kind: str, count: int) -> list[Kind]:
        """Different kinds of fact about such a subject; one in five has only a noun."""
        known = self.rng.sample(BY_SUBJECT[subject_kind], min(count, len(BY_SUBJECT[subject_kind])))
        nouns = self.rng.sample(NOUNS_FOR_ANYTHING, count)
        taken = {noun for kind in known for noun in kind.nouns.split("|")}
        return [
            made_up(subject_kind, noun) if self.chance(0.2) and noun not in taken else kind
            for kind, noun in zip(known, nouns, strict=False)
        ]

    def fact_of(self, kind: Kind, subject: str) -> Fact:
        return Fact(
            kind,
            self.rng.choice(kind.nouns.split("|")),
            subject,
            self.maker.value(kind.value) if kind.value != "name" else self.maker.name(),
        )

    def facts(self, count: int) -> list[Fact]:
        """``count`` facts, several about one kind of subject, so that both who and what must be matched. No two disagree."""
        found: dict[tuple[str, str], Fact] = {}
        while len(found) < count:
            subject_kind = self.rng.choice(SUBJECTS)
            kinds = self.kinds(subject_kind, self.rng.randint(1, 3))
            subjects = [self.subject(subject_kind)]
            subjects += [self.related(subjects[0], subject_kind) for _ in range(self.rng.choice((0, 0, 1, 1, 2)))]
            for subject in dict.fromkeys(subjects):
                for kind in kinds if self.chance(0.6) else kinds[:1]:
                    found.setdefault((subject, kind.name), self.fact_of(kind, subject))
        return list(found.values())[:count]

    def about_one(self, count: int, subject_kind: str | None = None) -> list[Fact]:
        """Facts about one subject."""
        chosen = subject_kind or self.rng.choice(SUBJECTS)
        subject = self.subject(chosen)
        return [self.fact_of(kind, subject) for kind in self.kinds(chosen, count)]

    def statement(self, fact: Fact, pronoun: bool = False, plain: bool = False) -> str:
        """The fact as a sentence; ``plain`` leaves out what may stand around it."""
        by_noun = not fact.kind.statements or self.chance(0.25)
        pattern = self.pick(BY_NOUN).replace("{n}", fact.noun) if by_noun else self.pick(fact.kind.statements)
        if pronoun and fact.kind.subject in PRONOUNS:
            they, their = Random(fact.subject).choice(PRONOUNS[fact.kind.subject])
            if pattern.startswith(("{s} ", "{s}'s ")):
                pattern = pattern.replace("{s}'s", their, 1) if pattern.startswith("{s}'s") else pattern.replace("{s}", they, 1)
        if not plain and self.chance(0.25):
            pattern = self.pick(BEFORE) + pattern
        elif not plain and self.chance(0.15):
            pattern += self.pick(AFTER)
        return self.written(pattern, s=fact.subject, v=fact.value)

    def question(self, fact: Fact) -> str:
        """A question that the fact answers, with or without its question mark."""
        by_noun = not fact.kind.questions or self.chance(0.25)
        pattern = self.pick(ASK_BY_NOUN).replace("{n}", fact.noun) if by_noun else self.pick(fact.kind.questions)
        if self.chance(0.12):
            pattern = self.pick(ASK_BEFORE) + pattern
        text = self.written(pattern, end="?", s=fact.subject)
        if pattern.startswith(("name ", "give ", "state ", "tell ", "find ", "I need", "look ")):
            return text[:-1] + "."
        return text

    def written(self, pattern: str, end: str = ".", **values: str) -> str:
        """A pattern as a sentence: now and then a letter out of place, the values, a capital, the full stop."""
        if self.chance(TYPOS):
            pattern = self._mistyped(pattern)
        return sentence(pattern.format(**values), end)

    def _mistyped(self, pattern: str) -> str:
        """The pattern with two letters of a plain word changed round, or one left out."""
        words = pattern.split(" ")
        places = [i for i, word in enumerate(words) if len(word) > 4 and word.isalpha()]
        if places:
            place = self.rng.choice(places)
            word, at = words[place], self.rng.randrange(1, len(words[place]) - 2)
            swapped = word[:at] + word[at + 1] + word[at] + word[at + 2 :]
            words[place] = swapped if self.chance(0.5) else word[:at] + word[at + 1 :]
        return " ".join(words)

    def filler(self) -> str:
        """A sentence that answers nothing."""
        rng = self.rng
        words = {"a": rng.choice(ADJECTIVES), "b": rng.choice(ADJECTIVES), "n": rng.choice(NOUNS), "m": rng.choice(NOUNS)}
        return rng.choice(FILLERS).format(t=rng.choice(TIMES), **words)

    def told(self, facts: Sequence[Fact], fillers: int = 0) -> str:
        """The facts as running text: neighbours about one subject may be joined by a pronoun, fillers stand where they break none."""
        sentences: list[str] = []
        before = ""
        for fact in facts:
            linked = fact.subject == before
            text = self.statement(fact, pronoun=linked and self.chance(0.5))
            if not linked and fillers and self.chance(0.5):
                sentences.append(self.filler())
                fillers -= 1
            sentences.append(text)
            before = fact.subject
        return " ".join(sentences + [self.filler() for _ in range(fillers)])

    def unstated(self, facts: Sequence[Fact]) -> Fact:
        """A fact that the given ones do not state: another kind about one of their subjects, or one of their kinds about a stranger."""
        known = {(fact.subject, fact.kind.name) for fact in facts}
        while True:
            fact = self.rng.choice(facts)
            if self.chance(0.5):
                others = [other.kind for other in facts if other.kind.subject == fact.kind.subject and other.kind != fact.kind]
                kind = self.rng.choice(others) if others and self.chance(0.5) else self.kinds(fact.kind.subject, 1)[0]
                missing = self.fact_of(kind, fact.subject)
            else:
                missing = self.fact_of(fact.kind, self.related(fact.subject, fact.kind.subject))
            if (missing.subject, missing.kind.name) not in known and not _overlaps(missing, facts):
                return missing


def _overlaps(missing: Fact, facts: Collection[Fact]) -> bool:
    """Whether a stated fact about the same subject could be meant by the same noun."""
    nouns = set(missing.kind.nouns.split("|"))
    return any(fact.subject == missing.subject and nouns & set(fact.kind.nouns.split("|")) for fact in facts)


def sentence(text: str, end: str = ".") -> str:
    """The text with a capital and its end."""
    return text[:1].upper() + text[1:] + ("" if text.endswith(end) else end)
