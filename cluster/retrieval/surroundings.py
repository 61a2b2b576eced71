"""The larger chunks around hits."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import replace

from cluster.contracts.retrieval import ChunkRecord, Filters, Space
from cluster.retrieval.passages import Passage
from cluster.vectors import VectorStore

Key = tuple[str, int, int]


async def with_parents(vectors: VectorStore, organisation: str, passages: Sequence[tuple[Passage, Space]]) -> list[Passage]:
    """Each passage shown with its chunk's parent, where it has one. A parent that is not there any more leaves the hit as it is."""
    wanted: dict[tuple[Space, str, int], set[int]] = defaultdict(set)
    for passage, space in passages:
        if passage.chunk.parent is not None:
            wanted[space, passage.chunk.document, passage.chunk.version].add(passage.chunk.parent)
    parents: dict[Key, ChunkRecord] = {}
    for (space, document, version), numbers in wanted.items():
        chosen = Filters(documents=(document,), numbers=tuple(sorted(numbers)), version=version)
        page = await vectors.scroll(organisation, space, chosen, limit=len(numbers))
        parents |= _by_key(page.chunks)
    return [_within(passage, parents) for passage, _ in passages]


def _by_key(chunks: Iterable[ChunkRecord]) -> dict[Key, ChunkRecord]:
    return {(chunk.document, chunk.version, chunk.number): chunk for chunk in chunks}


def _within(passage: Passage, parents: dict[Key, ChunkRecord]) -> Passage:
    chunk = passage.chunk
    parent = parents.get((chunk.document, chunk.version, chunk.parent)) if chunk.parent is not None else None
    if parent is None:
        return passage
    reason = f"{passage.reason} Shown with the section around it."
    return replace(passage, text=parent.text, span=parent.span, page=parent.page, turns=parent.turns, reason=reason)
