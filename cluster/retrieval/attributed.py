"""Citations for an answer whose model wrote none: a small model says "Sudale", and a person wants to see where that stands.

A sentence is attributed to the sentence of a passage that has (nearly) all of its words, its names and numbers as they are spelt, and that
denies where it denies: stricter than the check of a citation that the model makes, which is a claim of the model's and no finding of ours.
An answer of a few words says too little by itself, for any sentence with a name in it would do. So of such a one the sentence must also
have half of what was asked, and the answer must say something that the question does not. What is not sure is not attributed. The text
stays as the model wrote it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

from cluster.retrieval.quotes import EMPTY, WORD, Citation, Quotable, Quote, sentence_spans, words

# An answer with fewer words than this is read together with its question.
FEW = 5
ASKED = 0.5
DENIALS = frozenset("cannot neither never no nobody none nor not nothing without".split())
CONTRACTED = re.compile(r"n['\u2019]t\b")


@dataclass(frozen=True, slots=True)
class _Claim:
    """``asked``: words of the question, where the answer does not stand by itself. ``spelt``: words that must be there letter by letter."""

    said: frozenset[str]
    asked: frozenset[str]
    spelt: frozenset[str]
    denied: bool

    @classmethod
    def of(cls, part: str, question: str) -> _Claim | None:
        """None for what is none, such as code, or the question once more."""
        said, asked = words(part), words(question)
        if "`" in part or not said - asked:
            return None
        if len(said) >= FEW:
            names = {word for word in WORD.findall(unicodedata.normalize("NFKC", part)) if word != word.lower() or not word.isalpha()}
            return cls(said, frozenset(), _spelt(" ".join(names)), _denies(part))
        return cls(said, asked, _spelt(part), _denies(part) or _denies(question)) if asked else None

    def share(self, had: frozenset[str]) -> float:
        """Of the words that are said; 0 where what was asked is not there."""
        told = len(self.asked & had) >= ASKED * len(self.asked)
        return len(self.said & had) / len(self.said) if told else 0.0

    def stands_in(self, quote: str) -> bool:
        return self.spelt <= _spelt(quote) and self.denied == _denies(quote)


def attributed(text: str, question: str, passages: Sequence[Quotable], least: float) -> list[Citation]:
    """One citation at most for each sentence of ``text``, of the passage that bears it out best; of equals the first. ``least``: share of
    its words."""
    found: list[Citation] = []
    for span in sentence_spans(text):
        claim = _Claim.of(text[span.start : span.end], question)
        best = _best(claim, passages, least) if claim is not None else None
        if best is not None:
            number, quote = best
            found.append(Citation.of(number, span.end, passages[number - 1].passage, quote, attributed=True))
    return found


def _best(claim: _Claim, passages: Sequence[Quotable], least: float) -> tuple[int, Quote] | None:
    scored = [
        (share, len(claim.asked & had), -number, -at)
        for number, passage in enumerate(passages, start=1)
        for at, (_, had) in enumerate(passage.sentences)
        if (share := claim.share(had)) >= least
    ]
    for share, _, number, at in sorted(scored, reverse=True):
        quote = passages[-number - 1].quote(-at, share)
        if claim.stands_in(quote.text):
            return -number, quote
    return None


def _spelt(text: str) -> frozenset[str]:
    return frozenset(WORD.findall(unicodedata.normalize("NFKC", text).casefold())) - EMPTY


def _denies(text: str) -> bool:
    """Whether it says that something is not so, as far as English words tell."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    return CONTRACTED.search(plain) is not None or not DENIALS.isdisjoint(WORD.findall(plain))
