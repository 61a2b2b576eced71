"""What of a passage a small model is shown: the sentences nearest the question, in one piece."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cluster.contracts.retrieval import Span
from cluster.retrieval.passages import Passage
from cluster.retrieval.quotes import Quotable, words


def excerpts(passages: Sequence[Passage], question: str, most: int) -> list[Passage]:
    """Of the best passages, as many as ``most`` characters hold; at least of the first."""
    chosen: list[Passage] = []
    room = most
    for passage in passages:
        shown = excerpt(passage, question, most)
        if len(shown.text) > room:
            break
        chosen.append(shown)
        room -= len(shown.text)
    return chosen


def excerpt(passage: Passage, question: str, most: int) -> Passage:
    """The sentence with most of the question's words, with as many of those around it as ``most`` characters hold; of a sentence that is
    longer its beginning."""
    if len(passage.text) <= most:
        return passage
    asked = words(question)
    told = Quotable(passage).sentences
    first = last = max(range(len(told)), key=lambda at: (len(asked & told[at][1]), -at), default=0)
    if not told:
        return _cut(passage, Span(0, most))
    while True:
        if last + 1 < len(told) and told[last + 1][0].end - told[first][0].start <= most:
            last += 1
        elif first > 0 and told[last][0].end - told[first - 1][0].start <= most:
            first -= 1
        else:
            return _cut(passage, Span(told[first][0].start, min(told[last][0].end, told[first][0].start + most)))


def _cut(passage: Passage, within: Span) -> Passage:
    begin = passage.span.start
    span = Span(begin + within.start, begin + within.end)
    return replace(passage, text=passage.text[within.start : within.end], span=span, page=passage.page_at(span.start))
