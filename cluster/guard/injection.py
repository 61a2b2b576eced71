"""Does a text tell a model what to do? Decided by rules, on this machine, in time that grows with the text and no faster.

Such a screen finds what people write who do not know it, and what they write most often. It is no proof that a text is harmless: what
comes from outside belongs into a frame, and a model that reads it has no more power than who asked."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from cluster.guard.encoded import decoded
from cluster.guard.folding import Folded, fold, unleet
from cluster.guard.framing import framed
from cluster.guard.mentions import is_mentioned, is_negated, is_retold
from cluster.guard.rules import ENGLISH, Reason, Rule
from cluster.guard.rules_languages import LANGUAGES

THRESHOLD = 0.5
# Signs within so many characters speak for the same attempt.
NEAR = 500
# What remains of a sign that is only talked about.
RETOLD, MENTIONED = 0.45, 0.35
# What being hidden or encoded adds to a sign.
UNSEEN = 0.5

RULES: tuple[Rule, ...] = (*ENGLISH, *LANGUAGES)
_LEET = re.compile(r"[a-z][013457@$!][a-z]")
_SPACED = re.compile(r"(?<![^\W_])[^\W_](?:[ .*|_-]{1,2}[^\W_](?![^\W_])){7,400}+")
_SENTENCE = re.compile(r"[^.!?。！？\n]{0,2000}(?:[.!?。！？]++(?=\s|$)|\n|[.!?。！？]|(?=[^.!?。！？\n])|$)")
_TAG = re.compile(r"<[a-z]{1,12}+\b([^<>]{1,400}+)>[^<]{0,4000}+", re.IGNORECASE)
_UNSEEN_TAG = re.compile(
    r"display:\s?none|visibility:\s?hidden|font-size:\s?0|opacity:\s?0(?![.\d])|color:\s?(?:white|#fff)|(?:^|\s)hidden\b", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Sign:
    """One place in the original that speaks for an injection, and how strongly."""

    start: int
    end: int
    reason: Reason
    weight: float


@dataclass(frozen=True, slots=True)
class Screening:
    """``score``: 0 to 1. ``reasons``: why, without the text. ``spans``: the sentences that carry it, in order, apart from each other;
    empty where the score is under the threshold."""

    score: float
    reasons: tuple[Reason, ...] = ()
    spans: tuple[tuple[int, int], ...] = ()

    @property
    def found(self) -> bool:
        return bool(self.spans)


def screen(text: str, threshold: float = THRESHOLD) -> Screening:
    """A text counts as an injection from ``threshold``."""
    signs = sorted(_signs(text), key=lambda sign: (sign.start, sign.end))
    scores = _scores(signs)
    score = max(scores, default=0.0)
    if score < threshold or not signs:
        return Screening(round(score, 3))
    carrying = [sign for sign, of_its_place in zip(signs, scores, strict=True) if of_its_place >= threshold]
    reasons = tuple(dict.fromkeys(sign.reason for sign in carrying))
    return Screening(round(score, 3), reasons, _sentences(text, carrying))


def without(text: str, screening: Screening) -> str:
    """The text without the sentences that carry it; the rest as it is."""
    kept, at = [], 0
    for start, end in screening.spans:
        kept.append(text[at:start])
        at = end
    return "".join([*kept, text[at:]])


def marked(text: str, screening: Screening) -> str:
    """The text in a frame that says it is data, where something was found in it."""
    return framed(text) if screening.found else text


def _signs(text: str) -> Iterator[Sign]:
    folded = fold(text)
    unseen = sorted([*_comments(text), *(tag.span() for tag in _TAG.finditer(text) if _UNSEEN_TAG.search(tag[1]))])
    for sign in _plain_signs(folded):
        if _within(sign, unseen):
            yield Sign(sign.start, sign.end, "hidden", UNSEEN)
        yield sign
    for piece in decoded(text):
        yield from _encoded_signs(piece.text, piece.start, piece.end)
    if folded.tags:
        yield from _encoded_signs(folded.tags, 0, len(text))


def _plain_signs(folded: Folded) -> Iterator[Sign]:
    yield from _matches(folded, folded.text)
    if _LEET.search(folded.text):
        yield from _matches(folded, unleet(folded.text))
    for match in _SPACED.finditer(folded.text):
        joined = "".join(letter for letter in match.group() if letter.isalnum())
        start, end = folded.span(*match.span())
        for sign in _matches(Folded(joined, None), joined):
            yield Sign(start, end, sign.reason, sign.weight)


def _matches(folded: Folded, text: str) -> Iterator[Sign]:
    for rule in RULES:
        for match in rule.pattern.finditer(text):
            if rule.told and is_negated(text, match.start()):
                continue
            weight = rule.weight
            if rule.told and is_retold(text, match.start()):
                weight *= RETOLD
            if is_mentioned(text, match.start(), match.end()):
                weight *= MENTIONED
            yield Sign(*folded.span(*match.span()), rule.reason, weight)


def _encoded_signs(said: str, start: int, end: int) -> Iterator[Sign]:
    for sign in _plain_signs(fold(said)):
        yield Sign(start, end, sign.reason, sign.weight)
        yield Sign(start, end, "encoded", UNSEEN)


def _comments(text: str) -> Iterator[tuple[int, int]]:
    """Of HTML; one that is not closed goes on to the end, as it does in a browser."""
    end = 0
    while (start := text.find("<!--", end)) >= 0:
        closed = text.find("-->", start + 4)
        end = len(text) if closed < 0 else closed + 3
        yield start, end


def _within(sign: Sign, places: Sequence[tuple[int, int]]) -> bool:
    """Is it in one of the places, which are in order and apart?"""
    number = bisect_left(places, (sign.start + 1, 0)) - 1
    return number >= 0 and sign.start < places[number][1]


def _scores(signs: Sequence[Sign]) -> list[float]:
    """Of each sign, the best score of the places it belongs to: of each reason the strongest sign counts, and each takes away its share of
    the doubt."""
    scores = [0.0] * len(signs)
    for first, sign in enumerate(signs):
        strongest: dict[Reason, float] = {}
        last = first
        # Of a crowd the first say it all; without a bound a text of nothing but signs would take their square.
        for last in range(first, min(first + 64, len(signs))):
            near = signs[last]
            if near.start > sign.start + NEAR:
                last -= 1
                break
            strongest[near.reason] = max(strongest.get(near.reason, 0.0), near.weight)
        doubt = 1.0
        for weight in strongest.values():
            doubt *= 1 - weight
        for number in range(first, last + 1):
            scores[number] = max(scores[number], 1 - doubt)
    return scores


def _sentences(text: str, signs: Iterable[Sign]) -> tuple[tuple[int, int], ...]:
    """The sentences, or lines, that the signs stand in, as few spans as they make."""
    bounds = [match.start() for match in _SENTENCE.finditer(text)] or [0]
    spans: list[tuple[int, int]] = []
    for sign in sorted(signs, key=lambda sign: sign.start):
        start = bounds[max(0, bisect_left(bounds, sign.start + 1) - 1)]
        number = bisect_left(bounds, sign.end)
        end = bounds[number] if number < len(bounds) else len(text)
        if spans and start <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(end, spans[-1][1]))
        else:
            spans.append((start, max(end, sign.end)))
    return tuple(spans)
