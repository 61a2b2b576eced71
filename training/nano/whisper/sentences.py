"""What is said: sentences of a working day, of a few hundred words, and which of them are never said in training.

    Anna will send the budget to Felix by Monday.
    The review of Falcon starts at half past nine on the third of May.

A sentence belongs to training or to the tests for ever, by its text alone; and some patterns belong to the tests as a whole. All words of
the tests are words of training. Numbers are written as they are said, since a network of this size is to hear, not to count.
"""

from __future__ import annotations

import random
import re

from training.nano.corpus.splits import Split, draw
from training.nano.whisper.vocabulary import ORDINALS, SLOTS, number

PATTERNS = tuple(
    """
{name} will {verb} the {thing} to {name} by {day}.
{name} will {verb} the {thing} for {project}.
{name} and {name} will {verb} the {thing} on {day}.
The {thing} is due on {day}.
The {thing} of {project} is due on the {ordinal} of {month}.
The {thing} of {project} starts at {time} on {day}.
We moved the {thing} from {day} to {day}.
{name} moved the {thing} from {place} to {place}.
The {project} {event} is in {place} on {day} at {time}.
We will meet in {place} at {time}.
{name} has {number} open {plural}.
There are {number} {plural} in {place}.
We need {number} {plural} before {month}.
{name} asked {name} to {verb} the {thing}.
Who will {verb} the {thing}?
When does the {event} start?
Can {name} {verb} the {thing} before {day}?
Is the {thing} of {project} ready?
{name} is ill until the {ordinal} of {month}.
{name} joined {project} in {month}.
{name} left {project} on {day}.
The status of {project} is {state}.
{project} is {state} since {day}.
The {thing} is {state} and {name} knows it.
We decided to {verb} the {thing} in {month}.
We agreed on {number} {plural} for {project}.
The next {event} is on the {ordinal} of {month} at {time}.
Please {verb} the {thing} before {time}.
Please ask {name} about the {thing}.
I think the {thing} is {state}.
I will call {name} at {time} on {day}.
{name} said that {project} is {state}.
{name} works with {name} on {project}.
{number} {plural} are {state}.
The price of {project} is {number} thousand euros.
It takes {number} days to {verb} the {thing}.
""".strip().splitlines()
)
# Of the tests alone.
KEPT_PATTERNS = tuple(
    """
The {event} of {project} is on {day} at {time}.
{name} will call {name} about the {thing} on {day}.
The {thing} for {project} takes {number} days.
We will {verb} the {thing} on the {ordinal} of {month}.
Please meet {name} in {place} on {day}.
{name} said that the {thing} is {state}.
Is {name} in {place} until {time}?
There are {number} open {plural} for {project}.
""".strip().splitlines()
)
SALAD = 0.35  # the share of training texts that are words in any order, so that the ears are believed before the grammar
LONGEST_SALAD = 6


def sentence(rng: random.Random, split: Split) -> str:
    """A sentence of ``split``; half of the held-out ones follow a pattern that training never follows."""
    if split == "held_out" and rng.random() < 0.5:
        return _filled(rng.choice(KEPT_PATTERNS), rng)
    return draw(lambda: _filled(rng.choice(PATTERNS), rng), split)


def text(rng: random.Random, ease: float) -> str:
    """Something to train on: with the chance ``ease`` a word or two, else a sentence or, now and then, words in any order."""
    if rng.random() < ease:
        return draw(lambda: _salad(rng, rng.randint(1, 3)), "train")
    if rng.random() < SALAD:
        return draw(lambda: _salad(rng, rng.randint(2, LONGEST_SALAD)), "train")
    return sentence(rng, "train")


def vocabulary() -> list[str]:
    """Every word of every sentence, sorted; names are capitalised."""
    said = [re.sub(r"\{\w+\}", " ", pattern) for pattern in PATTERNS]
    plain = {word if word == "I" else word.lower() for line in said for word in re.findall(r"\w+", line)}
    slots = {word for options in SLOTS.values() for option in options for word in re.findall(r"[\w']+", option)}
    numbers = {word for value in range(1, 100) for word in number(value).split()}
    return sorted(plain | slots | numbers | set(" ".join(ORDINALS).split()))


def _filled(pattern: str, rng: random.Random) -> str:
    taken = list[str]()

    def fill(slot: re.Match[str]) -> str:
        found = number(rng.randint(2, 99)) if slot[1] == "number" else rng.choice([one for one in SLOTS[slot[1]] if one not in taken])
        taken.append(found)
        return found

    return _capitalised(re.sub(r"\{(\w+)\}", fill, pattern))


def _salad(rng: random.Random, words: int) -> str:
    return _capitalised(f"{' '.join(rng.choice(WORDS) for _ in range(words))}.")


def _capitalised(said: str) -> str:
    return said[0].upper() + said[1:]


WORDS = vocabulary()
