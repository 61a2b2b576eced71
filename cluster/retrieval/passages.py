"""Where is searched, and what comes out of it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from cluster.contracts.retrieval import ChunkRecord, PartScore, Space, Span

# Of documents by their ids, the paths of those that are there: a hit in any other is dropped.
Paths = Callable[[Sequence[str]], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class Place:
    """One collection. ``space``: where its vectors are; None where nothing was ingested yet, and so nothing is found."""

    collection: str
    space: Space | None


@dataclass(frozen=True, slots=True)
class Passage:
    """A hit as it is shown. ``text`` is exactly what stands at ``span`` of the document's text: that of ``chunk``, which was found, or of
    the parent around it. ``score`` is what passages are ordered by. ``repeats``: chunks with (nearly) the same text, or in the same parent,
    which are not shown. ``page``: on which the text begins; ``turns``: where further pages do. ``reason`` is for people."""

    chunk: ChunkRecord
    path: str
    text: str
    span: Span
    page: int | None
    score: float
    parts: tuple[PartScore, ...]
    reason: str
    repeats: tuple[ChunkRecord, ...] = ()
    turns: tuple[tuple[int, int], ...] = ()

    def page_at(self, position: int) -> int | None:
        """Of the document's character at ``position``, which is in the text."""
        return next((page for at, page in reversed(self.turns) if at <= position), self.page)


@dataclass(frozen=True, slots=True)
class Found:
    """The best first. ``notes``: what was done otherwise than asked for, as sentences for people. ``spent``: tokens by model."""

    passages: tuple[Passage, ...]
    notes: tuple[str, ...] = ()
    spent: tuple[tuple[str, int], ...] = ()


async def by_id(documents: Sequence[str]) -> Mapping[str, str]:
    """Paths where nobody keeps any: every document is there, and called by its id."""
    return {document: document for document in documents}
