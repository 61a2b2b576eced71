"""What is found, and how: chunks of documents with their vectors, questions to the index, hits with their scores, and reranking."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt

Vector = npt.NDArray[np.float32]
Attribute = str | int | bool
ChunkKind = Literal["text", "image"]
PartName = Literal["dense", "sparse", "rerank"]
SearchMode = Literal["dense", "sparse", "hybrid"]


@dataclass(frozen=True, slots=True)
class Space:
    """Where vectors can be compared: one embedding model in one exact form. ``variant`` as in ``Embeddings``; each space has an index of
    its own, so texts and images, or two models, never meet."""

    model: str
    variant: str
    dimensions: int


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``end`` (exclusive) of the document's text."""

    start: int
    end: int


@dataclass(frozen=True, slots=True)
class ChunkRecord:
    """One piece of a document, with everything a citation needs. ``number`` counts from 0 within the document, whose chunk of a number is
    always the same point of the index. ``parent``: number of the larger chunk around it. ``page`` counts from 1; ``turns``: positions
    in the document's text at which further pages begin within the chunk, each with its number. ``attributes`` can be filtered by: up to 32
    names of lower-case letters, digits and underscores."""

    organisation: str
    collection: str
    document: str
    version: int
    number: int
    text: str
    span: Span
    page: int | None = None
    heading_path: tuple[str, ...] = ()
    parent: int | None = None
    kind: ChunkKind = "text"
    tags: tuple[str, ...] = ()
    attributes: Mapping[str, Attribute] = field(default_factory=dict)
    turns: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Point:
    """A chunk as it is indexed. Without ``vector`` and ``keywords`` it is kept, and never found: a parent, say."""

    chunk: ChunkRecord
    vector: Vector | None
    # Whether its words are indexed too (BM25).
    keywords: bool = True


@dataclass(frozen=True, slots=True)
class Filters:
    """All that are given must hold; of the values of one, any. They narrow what an organisation has, and can never widen it."""

    collections: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    kinds: tuple[ChunkKind, ...] = ()
    tags: tuple[str, ...] = ()
    numbers: tuple[int, ...] = ()
    version: int | None = None
    attributes: Mapping[str, tuple[Attribute, ...]] = field(default_factory=dict)


EVERYTHING = Filters()


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What scores less is left out. ``dense`` is a cosine, ``sparse`` a BM25 score, ``fused`` a sum of reciprocal ranks."""

    dense: float | None = None
    sparse: float | None = None
    fused: float | None = None


@dataclass(frozen=True, slots=True)
class Diversity:
    """Maximal marginal relevance: ``weight`` 1 is relevance alone, 0 is difference from what was chosen before alone."""

    weight: float = 0.5


@dataclass(frozen=True, slots=True)
class SearchQuery:
    """``vector`` is needed for ``dense`` and ``hybrid``, ``text`` for ``sparse`` and ``hybrid``. ``candidates``: how many each part gives
    before they are fused, diversified and cut to ``limit``."""

    mode: SearchMode
    vector: Vector | None = None
    text: str = ""
    filters: Filters = EVERYTHING
    limit: int = 10
    candidates: int = 100
    # The k of reciprocal rank fusion, and how much a rank in each part counts.
    rrf_k: int = 60
    dense_weight: float = 1.0
    sparse_weight: float = 1.0
    thresholds: Thresholds = Thresholds()
    diversity: Diversity | None = None


@dataclass(frozen=True, slots=True)
class PartScore:
    """What one part said of a hit. ``rank`` counts from 1."""

    part: PartName
    score: float
    rank: int


@dataclass(frozen=True, slots=True)
class Hit:
    """``score`` is what hits were ordered by: that of the only part, of the fusion, or of the reranker. ``reason`` is for people."""

    chunk: ChunkRecord
    score: float
    parts: tuple[PartScore, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class Scrolled:
    """Chunks in an order that stays, and where to go on; ``next`` is None at the end."""

    chunks: tuple[ChunkRecord, ...]
    next: str | None


@dataclass(frozen=True, slots=True)
class SpaceState:
    """``indexed``: points that an approximate index covers; 0 while search is exact. ``building``: whether one is being made."""

    space: Space
    points: int
    indexed: int
    building: bool


@dataclass(frozen=True, slots=True)
class RerankRequest:
    """Documents to be read together with a question. ``document_tokens``: longest part of a document that is read; by default as much as
    the model takes beside the question."""

    model: str
    query: str
    documents: tuple[str, ...]
    document_tokens: int | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Reranking:
    """``scores`` in 0..1, in the order of the documents. ``truncated``: which of them were longer than what was read."""

    scores: tuple[float, ...]
    prompt_tokens: int
    truncated: tuple[int, ...] = ()
