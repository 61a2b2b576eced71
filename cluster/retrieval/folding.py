"""Hits that say the same become one. Pure functions.

Texts are compared by their groups of three words, each with each: of the few dozen hits of a search that is exact and takes less than
making the signatures with which cluster/text/duplicates.py compares whole libraries.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import replace

from cluster.retrieval.passages import Passage

WORD = re.compile(r"\w+")
GROUP = 3


def folded(passages: Sequence[Passage], alike: float | None) -> list[Passage]:
    """The passages, less those whose text an earlier one has: a share of at least ``alike`` of both texts' groups of words is equal (None:
    all stay). The one that stays tells of the others."""
    if alike is None:
        return list(passages)
    kept: list[tuple[Passage, frozenset[str]]] = []
    for passage in passages:
        groups = _groups(passage.chunk.text)
        twin = next((at for at, (_, had) in enumerate(kept) if _alike(groups, had, alike)), None)
        if twin is None:
            kept.append((passage, groups))
        else:
            first, had = kept[twin]
            kept[twin] = _joined(first, passage), had
    return [passage for passage, _ in kept]


def one_per_parent(passages: Sequence[Passage]) -> list[Passage]:
    """The passages, less those whose parent an earlier one has: shown with it they would be the same."""
    kept: dict[object, Passage] = {}
    for passage in passages:
        chunk = passage.chunk
        key = (chunk.document, chunk.version, chunk.number if chunk.parent is None else chunk.parent)
        kept[key] = _joined(kept[key], passage) if key in kept else passage
    return list(kept.values())


def _joined(first: Passage, other: Passage) -> Passage:
    return replace(first, repeats=(*first.repeats, other.chunk, *other.repeats))


def _alike(one: frozenset[str], other: frozenset[str], least: float) -> bool:
    if min(len(one), len(other)) < least * max(len(one), len(other)):
        return False
    return len(one & other) >= least * len(one | other)


def _groups(text: str) -> frozenset[str]:
    words = WORD.findall(unicodedata.normalize("NFKC", text).casefold())
    if len(words) < GROUP:
        return frozenset([" ".join(words)])
    return frozenset(" ".join(words[at : at + GROUP]) for at in range(len(words) - GROUP + 1))
