"""Cuts a document's text into chunks, each with what a citation needs. A chunk's text is exactly a span of the document's text.

    sentences  whole sentences up to ``size`` characters; neighbours share up to ``overlap`` characters, whole sentences where they fit
    tokens     the same, sizes counted in tokens by a tokenizer that is given in
    structure  never across a heading; a section that fits is one chunk, else it is cut by sentences; tables and code by lines
    parents    sections cut to ``parent_size`` for reading, and in each of them chunks by sentences for finding

Sentences are nupunkt's, which knows abbreviations and takes time in proportion to the text, whatever is in it. (Of semantic-text-splitter,
which does all in one, chunks of a text without sentences took time that grew with its square, and "Dr." ended a sentence.)
"""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import nupunkt

from cluster.contracts.documents import Block, Chunk, ChunkStrategy, Document
from cluster.errors import BadInput
from cluster.settings import IngestSettings

# Spans of the tokens of a text, in order.
Tokenize = Callable[[str], Sequence[tuple[int, int]]]
Span = tuple[int, int]
# Ends of sentences that nupunkt does not look for: those of Chinese and Japanese.
WIDE_ENDS = re.compile("(?<=[。！？｡])")
BREAKS = re.compile(r"\s")


@dataclass(frozen=True, slots=True)
class Chunking:
    """How to cut. Sizes count characters, or tokens where ``strategy`` is ``tokens``."""

    strategy: ChunkStrategy = "sentences"
    size: int = 1000
    overlap: int = 200
    parent_size: int = 4000

    def __post_init__(self) -> None:
        if self.size < 1 or not 0 <= self.overlap < self.size:
            raise BadInput(f"An overlap of {self.overlap} does not fit chunks of {self.size}: make it smaller than they are.").about(
                "overlap"
            )
        if self.strategy == "parents" and self.parent_size <= self.size:
            raise BadInput(f"Parents of {self.parent_size} are no larger than chunks of {self.size}.").about("parent_size")

    @classmethod
    def of(cls, settings: IngestSettings, strategy: ChunkStrategy = "sentences") -> Chunking:
        return cls(strategy, settings.chunk_chars, settings.chunk_overlap_chars, settings.parent_chars)


def chunk(document: Document, how: Chunking | None = None, tokenize: Tokenize | None = None) -> Iterator[Chunk]:
    """The document's chunks, numbered in the order of the text; a parent comes before its children."""
    how = how or Chunking()
    if how.strategy == "tokens" and tokenize is None:
        raise BadInput("Chunks by tokens need a tokenizer.").about("strategy")
    ruler = _Tokens(tokenize(document.text)) if how.strategy == "tokens" and tokenize is not None else _Characters()
    cutter = _Cutter(document.text, ruler)
    for number, (span, parent, is_parent) in enumerate(_spans(document, how, cutter)):
        yield _made(document, number, span, parent, is_parent)


def _spans(document: Document, how: Chunking, cutter: _Cutter) -> Iterator[tuple[Span, int | None, bool]]:
    if how.strategy in ("sentences", "tokens"):
        for span in cutter.packed(_units(document.text, document.blocks), how.size, how.overlap):
            yield span, None, False
        return
    number = 0
    for section in _sections(document.blocks):
        units = _units(document.text, section)
        if how.strategy == "structure":
            for span in cutter.packed(units, how.size, how.overlap):
                yield span, None, False
            continue
        for parent in cutter.packed(units, how.parent_size, 0):
            yield parent, None, True
            inner = [(max(start, parent[0]), min(end, parent[1])) for start, end in units if start < parent[1] and end > parent[0]]
            children = list(cutter.packed(inner, how.size, how.overlap))
            yield from ((child, number, False) for child in children)
            number += 1 + len(children)


def _sections(blocks: Sequence[Block]) -> Iterator[list[Block]]:
    """Blocks below the same heading, that heading first; headings with nothing of their own go with what follows."""
    waiting = list[Block]()
    for _, group in groupby(blocks, key=lambda block: block.heading_path):
        waiting += group
        if any(block.kind != "heading" for block in waiting):
            yield waiting
            waiting = []
    if waiting:
        yield waiting


def _units(text: str, blocks: Sequence[Block]) -> list[Span]:
    """What is better not cut: sentences of prose, lines of everything else. Without the white space around them."""
    units = list[Span]()
    for block in blocks:
        prose = block.kind == "paragraph" or (block.kind == "list" and "\n" not in block.text)
        parts = _sentences(block.text) if prose else _lines(block.text)
        units += (span for start, end in parts if (span := _trimmed(text, block.start + start, block.start + end)) is not None)
    return units


def _sentences(text: str) -> Iterator[Span]:
    for start, end in nupunkt.sent_spans(text):
        cuts = [start, *(start + match.start() for match in WIDE_ENDS.finditer(text[start:end])), end]
        yield from ((before, after) for before, after in pairwise(cuts) if before < after)


def _lines(text: str) -> Iterator[Span]:
    at = 0
    for line in text.split("\n"):
        yield at, at + len(line)
        at += len(line) + 1


def _trimmed(text: str, start: int, end: int) -> Span | None:
    part = text[start:end]
    left, right = len(part) - len(part.lstrip()), len(part.rstrip())
    return (start + left, start + right) if right > left else None


class _Characters:
    """Sizes in characters."""

    def size(self, start: int, end: int) -> int:
        return end - start

    def forward(self, start: int, size: int) -> int:
        """The furthest end of a span from ``start`` that is no larger than ``size``."""
        return start + size

    def back(self, end: int, size: int) -> int:
        """The first start of a span to ``end`` that is no larger than ``size``."""
        return max(0, end - size)


class _Tokens:
    """Sizes in tokens: those that a span touches."""

    def __init__(self, tokens: Sequence[Span]) -> None:
        # Special tokens have no characters.
        spans = [span for span in tokens if span[0] < span[1]]
        self._starts = [start for start, _ in spans]
        self._ends = [end for _, end in spans]

    def size(self, start: int, end: int) -> int:
        return bisect_left(self._starts, end) - bisect_right(self._ends, start)

    def forward(self, start: int, size: int) -> int:
        last = bisect_right(self._ends, start) + size
        return self._starts[last] if last < len(self._starts) else max(start + 1, self._ends[-1] if self._ends else 0)

    def back(self, end: int, size: int) -> int:
        first = bisect_left(self._starts, end) - size
        return self._ends[first - 1] if first > 0 else 0


class _Cutter:
    """Packs units into spans. Every step moves forward, and what it does for a span is in proportion to the span."""

    def __init__(self, text: str, ruler: _Characters | _Tokens) -> None:
        self._text, self._ruler = text, ruler

    def packed(self, units: Sequence[Span], size: int, overlap: int) -> Iterator[Span]:
        """Spans of whole units no larger than ``size``; a unit that is larger is cut between words, or anywhere if it has none."""
        pieces = [piece for unit in units for piece in self._fitting(unit, size, size - overlap)]
        start, first = pieces[0][0] if pieces else 0, 0
        while first < len(pieces):
            last = first
            while last + 1 < len(pieces) and self._ruler.size(start, pieces[last + 1][1]) <= size:
                last += 1
            yield start, pieces[last][1]
            first = last + 1
            if first < len(pieces):
                start = self._overlapped(pieces, first, size, overlap)

    def _overlapped(self, pieces: list[Span], first: int, size: int, overlap: int) -> int:
        """Where a span that goes on with piece ``first`` begins: as many whole pieces earlier as ``overlap`` holds, and else as many words,
        but no more than leave room for that piece."""
        earliest = max(self._ruler.back(pieces[first - 1][1], overlap), self._ruler.back(pieces[first][1], size))
        begin = first
        while begin > 0 and pieces[begin - 1][0] >= earliest:
            begin -= 1
        if begin < first or earliest >= pieces[first - 1][1]:
            return pieces[begin][0]
        return self._word_start(earliest, pieces[first - 1][1]) or pieces[first][0]

    def _fitting(self, unit: Span, size: int, part_size: int) -> Iterator[Span]:
        """The unit, or parts of it that leave room for an overlap."""
        start, end = unit
        if self._ruler.size(start, end) > size:
            while self._ruler.size(start, end) > part_size:
                cut = min(end - 1, max(start + 1, self._ruler.forward(start, part_size)))
                cut = self._word_end(start, cut)
                if (part := _trimmed(self._text, start, cut)) is not None:
                    yield part
                start = cut
                if end - start <= 1:
                    break
        if (part := _trimmed(self._text, start, end)) is not None:
            yield part

    def _word_start(self, earliest: int, end: int) -> int | None:
        """The first beginning of a word from ``earliest`` on; ``earliest`` where no word begins before ``end``."""
        words = BREAKS.search(self._text, max(0, earliest - 1), end)
        if words is None:
            return earliest
        at = words.end()
        while at < end and self._text[at].isspace():
            at += 1
        return at if at < end else None

    def _word_end(self, start: int, cut: int) -> int:
        """The last white space in the second half before ``cut``, else ``cut``."""
        for at in range(cut, start + (cut - start) // 2, -1):
            if self._text[at].isspace():
                return at
        return cut


def _made(document: Document, number: int, span: Span, parent: int | None, is_parent: bool) -> Chunk:
    start, end = span
    at = max(0, bisect_right(document.blocks, start, key=lambda block: block.start) - 1)
    block = document.blocks[at]
    turns = tuple(_turns(document.blocks, at, end))
    text = document.text[start:end]
    return Chunk(document.id, document.version, number, text, start, end, block.page, block.heading_path, parent, is_parent, turns)


def _turns(blocks: Sequence[Block], first: int, end: int) -> Iterator[tuple[int, int]]:
    """Where pages begin behind the block ``first`` and before ``end``."""
    page = blocks[first].page
    for at in range(first + 1, len(blocks)):
        if blocks[at].start >= end:
            return
        if (next_page := blocks[at].page) is not None and next_page != page:
            yield blocks[at].start, next_page
            page = next_page
