"""Which sentence of a passage bears out what is said. Pure functions of texts.

What counts is which words two sentences share, not how they are put: a check that costs microseconds, runs while an answer streams, and
whose outcome anybody can follow. It finds that a passage speaks of something else; it does not find that it says the opposite.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import nupunkt

from cluster.contracts.retrieval import Span
from cluster.retrieval.passages import Passage

# Scripts without spaces between words: their pairs of letters stand for words.
DENSE = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]+")
WORD = re.compile(r"\w+")
# English words that say nothing of what a sentence is about. Those of other languages are few enough not to matter.
EMPTY = frozenset(
    """a about after all also an and any are as at be been being but by can could did do does each for from had has have he her his how i
    if in into is it its just may me might more most must my no not of on only or other our shall she should so some such than that the
    their them then there these they this those to too us was we were what when where which while who whom whose why will with would
    you your""".split()
)
STEM = 5


@dataclass(frozen=True, slots=True)
class Quote:
    """A sentence of a passage, exactly as it stands at ``span`` of the document's text. ``share``: of the other sentence's words."""

    text: str
    span: Span
    share: float


@dataclass(frozen=True, slots=True)
class Citation:
    """``number``, that of ``passage``, stands at ``at`` (in characters) of the answer's text, and cites ``quote``, which stands at ``span``
    of the document, on ``page``. ``attributed``: the model wrote no number; ``at`` is the end of what is said."""

    number: int
    at: int
    passage: Passage
    quote: str
    span: Span
    page: int | None
    attributed: bool = False

    @classmethod
    def of(cls, number: int, at: int, passage: Passage, quote: Quote, *, attributed: bool = False) -> Citation:
        return cls(number, at, passage, quote.text, quote.span, passage.page_at(quote.span.start), attributed)


@dataclass(frozen=True)
class Quotable:
    """A passage, cut into sentences when first needed."""

    passage: Passage

    def best(self, said: str) -> Quote | None:
        """The sentence with most of the words of ``said``; None where ``said`` has no words, or none of them is there."""
        wanted = words(said)
        if not wanted:
            return None
        scored = [(len(wanted & had) / len(wanted), -len(had), at) for at, (_, had) in enumerate(self.sentences)]
        share, _, at = max(scored, default=(0.0, 0, 0))
        if not share:
            return None
        return self.quote(at, share)

    def quote(self, at: int, share: float) -> Quote:
        """The sentence at this place of ``sentences``."""
        span, _ = self.sentences[at]
        begin = self.passage.span.start
        return Quote(self.passage.text[span.start : span.end], Span(begin + span.start, begin + span.end), share)

    @cached_property
    def sentences(self) -> list[tuple[Span, frozenset[str]]]:
        """Each with its place in the passage's text, and what it is about."""
        text = self.passage.text
        return [(span, words(text[span.start : span.end])) for span in sentence_spans(text)]


def words(text: str) -> frozenset[str]:
    """What a sentence is about: its words without their endings, less those that say nothing."""
    plain = unicodedata.normalize("NFKC", text).casefold()
    dense = {run[at : at + 2] for run in DENSE.findall(plain) for at in range(max(1, len(run) - 1))}
    return frozenset(dense | {_stem(word) for word in WORD.findall(DENSE.sub(" ", plain)) if word not in EMPTY})


def _stem(word: str) -> str:
    """The first letters, which forms of a word share in most languages; numbers are whole."""
    if not word.isalpha():
        return word
    single = word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
    return single[:STEM]


def sentence_spans(text: str) -> Iterator[Span]:
    """Where they stand, without the white space around them. Lines are taken apart too: those of lists and tables are no prose."""
    at = 0
    for line in text.split("\n"):
        for start, end in nupunkt.sent_spans(line):
            part = line[start:end]
            left, right = len(part) - len(part.lstrip()), len(part.rstrip())
            if right > left:
                yield Span(at + start + left, at + start + right)
        at += len(line) + 1
