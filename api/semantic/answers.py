"""What the semantic services answer."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from pydantic import Field

from api.semantic.tables import EntityMerge
from api.web.schema import Answer
from cluster.contracts.retrieval import Hit
from cluster.text.duplicates import Tier


class EmbedData(Answer):
    model: str
    variant: str = Field(description="Exact form of the weights; vectors of two variants are not to be compared.")
    dimensions: int
    embeddings: list[list[float]] = Field(description="Of length 1, in the order of the texts.")
    prompt_tokens: int


class FoundText(Answer):
    """``index``: of the texts given; the others: of the collection."""

    index: int | None = None
    text: str
    score: float = Field(description="Cosine of the angle between the vectors.")
    document: str | None = None
    chunk: int | None = None
    start: int | None = None
    end: int | None = None
    page: int | None = None
    heading_path: list[str] = Field(default_factory=list)

    @classmethod
    def of(cls, hit: Hit) -> FoundText:
        found = hit.chunk
        return cls(
            text=found.text,
            score=hit.score,
            document=found.document,
            chunk=found.number,
            start=found.span.start,
            end=found.span.end,
            page=found.page,
            heading_path=list(found.heading_path),
        )


class SearchData(Answer):
    model: str
    threshold: float
    hits: list[FoundText] = Field(description="The best first.")


class ChunkAnswer(Answer):
    number: int
    text: str = Field(description="Exactly what stands at `start` to `end` of the text given.")
    start: int
    end: int
    parent: int | None = None
    is_parent: bool = False


class Chunks(Answer):
    chunks: list[ChunkAnswer]
    chars: int


class PairAnswer(Answer):
    first: int
    second: int
    tier: Tier = Field(description="exact above 0.95, near_exact above 0.90, semantic above 0.85.")
    confidence: float
    reason: str


class Duplicates(Answer):
    model: str | None = Field(description="What compared meaning; none where that was not asked for.")
    pairs: list[PairAnswer] = Field(description="Positions in the list given, from 0.")


class Interval(Answer):
    """``since`` and ``until`` are days; a year or a month in the text is its first or last day."""

    since: date | None = None
    until: date | None = None


class EntityFound(Answer):
    id: uuid.UUID | None = Field(None, description="Where it is kept.")
    name: str
    type: str
    confidence: float
    start: int
    end: int


class RelationFound(Answer):
    id: uuid.UUID | None = Field(None, description="Where it is kept.")
    subject: str
    predicate: str
    object: str
    confidence: float = Field(description="What the model says, less where its quote does not name both sides.")
    quote: str = Field(description="The evidence: exactly what stands at `start` to `end` of the text.")
    start: int
    end: int
    held: Interval = Field(description="When it held, where the text says so.")
    attributes: dict[str, Any] = Field(default_factory=dict)


class Extracted(Answer):
    model: str
    entities: list[EntityFound]
    relations: list[RelationFound]
    dropped: dict[str, int] = Field(description="How much of what the model said was left out, by reason.")
    kept: bool


class EntityAnswer(Answer):
    id: uuid.UUID
    name: str
    type: str
    confidence: float
    also: list[str] = Field(description="Names of entities that were merged into it.")
    merged_into: uuid.UUID | None
    created_at: datetime


class Side(Answer):
    """``name``: of the entity that stands for it now. ``said``: the name in the text."""

    id: uuid.UUID
    name: str
    type: str
    said: str


class RelationAnswer(Answer):
    id: uuid.UUID
    subject: Side
    predicate: str
    object: Side
    confidence: float
    quote: str
    start: int
    end: int
    source: str | None
    text_hash: str = Field(description="SHA-256 of the text that it stands in.")
    held: Interval
    attributes: dict[str, Any]
    created_at: datetime


class Candidate(Answer):
    entity: EntityAnswer
    similarity: float
    reason: str


class MergeAnswer(Answer):
    id: uuid.UUID
    kept_id: uuid.UUID
    merged_id: uuid.UUID
    reason: str
    created_at: datetime
    undone_at: datetime | None

    @classmethod
    def of(cls, row: EntityMerge) -> MergeAnswer:
        return cls(
            id=row.id,
            kept_id=row.kept_id,
            merged_id=row.merged_id,
            reason=row.reason,
            created_at=row.created_at,
            undone_at=row.undone_at,
        )


class Score(Answer):
    label: str
    score: float = Field(description="0 to 1; of one label only: they add up to 1.")


class Classified(Answer):
    labels: list[str] = Field(description="What holds; one, unless several may.")
    scores: list[Score] = Field(description="The best first.")
    model: str
    embedding_model: str | None


class Reason(Answer):
    """One of the things that the score is made of."""

    name: str
    score: float
    weight: float
    says: str


class Importance(Answer):
    score: float = Field(description="0 to 1: the weighted mean of the reasons.")
    reasons: list[Reason]
    model: str
    embedding_model: str | None


class ModelHealth(Answer):
    model: str
    kind: str
    state: str


class SemanticHealth(Answer):
    status: str = Field(description="ok, or degraded where something that a service needs cannot answer.")
    models: list[ModelHealth]
    index: str = Field(description="ok or unavailable.")
    entities: int
    relations: int
    merges: int
    mean_confidence: float | None = Field(description="Of the relations kept.")
