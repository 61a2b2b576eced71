"""Collections and documents as people see them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.web.schema import Answer, Body, FormBody, ModelId
from cluster.contracts.documents import ChunkStrategy
from cluster.knowledge.tables import Collection, DocumentRow, DocumentState

Name = Annotated[str, Field(min_length=1, max_length=200, description="Unique in the organisation.")]
Size = Annotated[int, Field(ge=50, le=20_000)]


class ChunkingBody(Body):
    """How documents are cut; sizes count characters, or tokens of the collection's embedding model."""

    strategy: ChunkStrategy = Field(
        "sentences",
        description="sentences: whole sentences; tokens: the same, sizes in tokens; structure: never across a heading; "
        "parents: small ones to find, large to show.",
    )
    size: Size = Field(1000, description="Longest chunk.")
    overlap: int = Field(200, ge=0, le=10_000, description="What neighbouring chunks share; less than size.")
    parent_size: Size = Field(4000, description="Longest parent, for the strategy parents.")


class CollectionBody(Body):
    name: Name
    description: str = Field("", max_length=2000)
    embedding_model: ModelId | None = Field(None, description="Whose vectors its chunks get; by default the profile's first.")
    chunking: ChunkingBody = ChunkingBody()
    retrieval: str = Field("default", min_length=1, max_length=100, description="Settings that it is searched with.")


class CollectionPatch(Body):
    """What is left out stays. Another chunking or embedding model has all documents indexed again."""

    name: Name | None = None
    description: str | None = Field(None, max_length=2000)
    embedding_model: ModelId | None = None
    chunking: ChunkingBody | None = None
    retrieval: str | None = Field(None, min_length=1, max_length=100)


class CollectionAnswer(Answer):
    id: uuid.UUID
    name: str
    description: str
    owner_id: uuid.UUID
    embedding_model: str
    strategy: ChunkStrategy
    size: int
    overlap: int
    parent_size: int
    retrieval: str
    documents: dict[str, int] = Field(description="How many there are in each state.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Collection, documents: dict[str, int]) -> CollectionAnswer:
        return cls(
            id=row.id,
            name=row.name,
            description=row.description,
            owner_id=row.owner_id,
            embedding_model=row.embedding_model,
            **row.chunking,
            retrieval=row.retrieval,
            documents=documents,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class DocumentAnswer(Answer):
    id: uuid.UUID
    collection_id: uuid.UUID
    root_id: uuid.UUID | None = Field(description="The archive or e-mail it came in.")
    path: str
    state: DocumentState
    reason: str | None = Field(description="Why it failed, or what of it was left out.")
    version: int
    media_type: str | None
    bytes: int
    chunks: int
    chars: int
    pages: int | None
    content_hash: str = Field(description="SHA-256 of its content, in hexadecimal.")
    duplicate_of: uuid.UUID | None = Field(description="A document of the collection that says the same.")
    similarity: float | None = Field(description="How much the same, from 0 to 1.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: DocumentRow) -> DocumentAnswer:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class DocumentQuery(FormBody):
    state: DocumentState | None = Field(None, description="Only those in this state.")
    path: str | None = Field(None, min_length=1, max_length=1024, description="Only those whose path begins so.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Documents on a page.")


class CollectionQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Collections on a page.")


class TextBody(Body):
    path: str = Field(min_length=1, max_length=1024, description="What it is called; a text of the same path replaces it.")
    text: str = Field(min_length=1, max_length=20_000_000)


class SpanQuery(FormBody):
    start: int = Field(0, ge=0, le=2**31 - 1, description="First character.")
    end: int | None = Field(None, ge=0, le=2**31 - 1, description="Behind the last character; by default 100,000 behind the first.")


class TextAnswer(Answer):
    """Characters `start` to `end` of what was read of a document."""

    document_id: uuid.UUID
    version: int
    start: int
    end: int
    chars: int = Field(description="Of the whole text.")
    text: str


class Taken(Answer):
    """What became of one file of an upload: `new`, `changed` (another version of what was there), or `unchanged`."""

    document_id: uuid.UUID
    path: str
    version: int
    outcome: Literal["new", "changed", "unchanged"]


class Upload(Answer):
    job_id: uuid.UUID | None = Field(description="The job that ingests it; none when nothing has changed.")
    documents: list[Taken]
