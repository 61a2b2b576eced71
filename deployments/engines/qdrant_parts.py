"""What is written to an index and asked of it, checked and in plain numbers; each engine puts it into its own words.

Vectors of texts are called ``dense``, their words ``sparse``.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import qdrant_edge as qdrant

from cluster.contracts.retrieval import PartName, Point, SearchQuery, Vector
from cluster.errors import BadInput
from deployments.engines.qdrant_facts import Facts
from deployments.engines.qdrant_keywords import keywords
from deployments.engines.qdrant_scope import Scope, check_chunk, payload_of

DENSE: Final = "dense"
SPARSE: Final = "sparse"
# Quantised vectors choose this many times what is asked for, and the exact ones decide among them.
OVERSAMPLING = 2.0
# Of the graph: links of a point, and candidates while it is built. With Qdrant's own 16 and 100, and 128 while searching, one in ten of the
# true nearest was missed among 100,000.
LINKS, BUILD_WIDTH = 24, 200
# In KB: what a filter leaves below it is compared exactly.
FULL_SCAN_KB = 10_000
# Of the values of a vector, those that its quantised form tells apart.
QUANTILE = 0.99


@dataclass(frozen=True, slots=True)
class Words:
    """Words by their numbers, and how much each weighs."""

    indices: list[int]
    values: list[float]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A point that may be written."""

    id: uuid.UUID
    dense: list[float] | None
    sparse: Words | None
    payload: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Asked:
    """One part of a search."""

    dense: list[float] | None
    sparse: Words | None
    limit: int
    threshold: float | None


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one part found. ``vector`` only where it was asked for."""

    id: str
    score: float
    vector: Vector | None


class Preparing:
    """For the index of one space."""

    def __init__(self, facts: Facts) -> None:
        """Raises ConfigError for a language of keywords that is not known."""
        self._facts = facts
        self._words = keywords(facts.language)

    def point(self, scope: Scope, point: Point) -> Prepared:
        """Raises BadInput for one that cannot be written."""
        chunk = point.chunk
        check_chunk(chunk, scope, self._facts.space)
        what = f"Chunk {chunk.number} of '{chunk.document}'"
        dense = self._numbers(point.vector, what) if point.vector is not None else None
        try:
            words = self._words.embed_document(chunk.text) if point.keywords else None
        except UnicodeEncodeError:
            raise BadInput(f"{what} is not valid Unicode (a lone surrogate); clean the text.") from None
        return Prepared(scope.point_id(chunk.document, chunk.number), dense, _plain(words), payload_of(chunk, scope))

    def parts(self, query: SearchQuery) -> dict[PartName, Asked]:
        """Those that the query's mode has; none of words where no word of it is indexed. Raises BadInput for what cannot be asked."""
        limit = max(query.candidates, query.limit) if query.mode == "hybrid" or query.diversity else query.limit
        found: dict[PartName, Asked] = {}
        if query.mode != SPARSE:
            if query.vector is None:
                raise BadInput(f"A {query.mode} search needs the question's vector; embed it with '{self._facts.space.model}'.")
            found[DENSE] = Asked(self._numbers(query.vector, "The question"), None, limit, query.thresholds.dense)
        if query.mode != DENSE and (words := self._question(query.text)) is not None:
            found[SPARSE] = Asked(None, words, limit, query.thresholds.sparse)
        return found

    def _numbers(self, vector: Vector, what: str) -> list[float]:
        space = self._facts.space
        if vector.shape != (space.dimensions,):
            raise BadInput(
                f"{what} has a vector of shape {vector.shape}; '{space.model}' ({space.variant}) has {space.dimensions} numbers."
            )
        if not np.isfinite(vector).all() or not vector.any():
            raise BadInput(f"{what} has a vector of zeros, or with infinite or undefined numbers, which is like nothing.")
        return [float(number) for number in vector]

    def _question(self, text: str) -> Words | None:
        if not text.strip():
            raise BadInput("A search for words needs the question's text.")
        try:
            return _plain(self._words.embed_query(text))
        except UnicodeEncodeError:
            raise BadInput("The question is not valid Unicode (a lone surrogate); clean the text.") from None


def candidate(point_id: object, score: float, vectors: object) -> Candidate:
    """``vectors``: by their names, or none."""
    dense = vectors.get(DENSE) if isinstance(vectors, Mapping) else None
    return Candidate(str(point_id), float(score), None if dense is None else np.asarray(dense, dtype=np.float32))


def is_id(text: str) -> bool:
    """Whether it can be the id of a point."""
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _plain(words: qdrant.SparseVector | None) -> Words | None:
    return Words(list(words.indices), list(words.values)) if words is not None and words.indices else None
