"""What counts as right in the evaluation of graphs, and the simplest thing that could do the same."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from cluster.bench.graph_sets import Letter, Note, Piece, Question

# Of a task's words, those that must be in what was understood.
ALIKE = 0.6


def mean(shares: Iterable[float]) -> float | None:
    """None of nothing."""
    values = list(shares)
    return sum(values) / len(values) if values else None


def named(wanted: Sequence[str], text: str) -> float:
    """The share of ``wanted`` that ``text`` names."""
    return sum(one.lower() in text.lower() for one in wanted) / len(wanted)


def f1(hits: int, wanted: int, found: int) -> float:
    return 2 * hits / (wanted + found) if wanted + found else 1.0


def words_read(letter: Letter, text: str) -> float:
    """The share of the letter's words that were read."""
    read = set(_words(text))
    return sum(word in read for word in _words(letter.text)) / len(_words(letter.text))


def names_f1(letter: Letter, found: Iterable[str]) -> float:
    """Names that are the letter's, letter for letter."""
    said = {" ".join(name.split()) for name in found}
    return f1(len(said & set(letter.names)), len(letter.names), len(said))


def names_by_capitals(text: str) -> list[str]:
    """The baseline of extraction: two words with a capital next to each other."""
    return list(dict.fromkeys(re.findall(r"\b[A-Z][a-z]+ [A-Z][a-z]+\b", text)))


def chores_f1(note: Note, found: Iterable[tuple[str, str]]) -> float:
    """A task is right where its owner is, and most words of what is to be done stand in it."""
    left, hits, count = list(note.chores), 0, 0
    for owner, task in found:
        count += 1
        right = next((one for one in left if _same(one, owner, task)), None)
        if right is not None:
            left.remove(right)
            hits += 1
    return f1(hits, len(note.chores), count)


def chores_by_sentence(transcript: str) -> list[tuple[str, str]]:
    """The baseline of a voice note: every sentence is a task of its first word."""
    sentences = [one.strip() for one in transcript.split(".") if one.strip()]
    return [(sentence.split()[0], sentence) for sentence in sentences]


def first_sentence(piece: Piece) -> str:
    """The baseline of a summary."""
    return piece.text.split(".")[0]


def cites(question: Question, paths: Iterable[str]) -> float:
    """Whether all that is cited is the document that says it, and something is."""
    cited = set(paths)
    return float(cited == {question.document})


def _same(chore: tuple[str, str], owner: str, task: str) -> bool:
    wanted = _words(chore[1])
    said = set(_words(task))
    return chore[0].lower() in owner.lower().split() and sum(word in said for word in wanted) / len(wanted) >= ALIKE


def _words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())
