"""What is asked of the semantic services."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from api.conversations.schemas import Id
from api.web.schema import Body, FormBody, FreeObject, ModelId
from cluster.contracts.documents import ChunkStrategy

Text = Annotated[str, Field(min_length=1)]
Texts = Annotated[list[Text], Field(min_length=1)]
TypeName = Annotated[str, Field(min_length=1, max_length=100)]
Types = Annotated[list[TypeName], Field(max_length=100)]
Embedder = Annotated[ModelId | None, Field(None, description="Embedding model; by default the profile's first that is ready.")]
Writer = Annotated[ModelId | None, Field(None, description="Language model; by default the first of this machine that is ready.")]


class EmbedBody(Body):
    texts: Texts = Field(description="The setting limits.embedding_inputs bounds how many.")
    model: Embedder
    truncate: bool = Field(False, description="Whether a text longer than the model reads may be cut; else it is refused.")


class SearchBody(Body):
    """Exactly one of ``texts`` and ``collection``."""

    query: Text
    texts: Texts | None = Field(None, description="What is searched; the setting semantic.texts bounds how many.")
    collection: Id | None = Field(None, description="Search the documents of this collection.")
    threshold: float = Field(0.3, ge=-1, le=1, description="Least cosine similarity of a hit.")
    limit: int = Field(10, ge=1, le=200)
    model: Embedder

    @model_validator(mode="after")
    def _one_place(self) -> SearchBody:
        if (self.texts is None) == (self.collection is None):
            raise ValueError("give either 'texts' or 'collection'")
        return self


class ChunkBody(Body):
    text: Text
    size: int = Field(1000, ge=50, le=100_000, description="Longest chunk, in characters; in tokens for the strategy `tokens`.")
    overlap: int = Field(200, ge=0, description="How much of that neighbours share; less than `size`.")
    strategy: ChunkStrategy = "sentences"
    parent_size: int = Field(4000, ge=50, le=1_000_000, description="Longest parent, for the strategy `parents`.")
    model: Embedder


class DuplicatesBody(Body):
    texts: Texts = Field(description="At least two; the setting semantic.texts bounds how many.")
    semantic: bool = Field(True, description="Whether meaning is compared too, which takes an embedding model.")
    model: Embedder


class ExtractBody(Body):
    text: Text
    entity_types: Types | None = Field(None, description="Types that entities may have; by default any.")
    relation_types: Types | None = Field(None, description="Relations that are looked for; by default any.")
    schema_: FreeObject | None = Field(
        None, alias="schema", description="JSON schema (an object) of attributes that every relation carries besides."
    )
    instructions: str | None = Field(None, max_length=2000, description="What to look for, in words.")
    min_confidence: float = Field(0.0, ge=0, le=1, description="What is less sure is left out.")
    keep: bool = Field(False, description="Whether the result is kept for the organisation: see the lists of entities and relations.")
    source: str | None = Field(None, min_length=1, max_length=500, description="What the text is called, kept with its relations.")
    model: Writer


class Label(Body):
    name: TypeName
    description: str = Field("", max_length=500, description="What belongs to it.")


class ClassifyBody(Body):
    text: Text
    labels: list[TypeName | Label] = Field(
        min_length=2, description="Names, or objects that describe them; semantic.labels bounds how many."
    )
    multiple: bool = Field(False, description="Whether several labels may hold.")
    model: Writer
    embedding_model: Embedder

    @property
    def named(self) -> dict[str, str]:
        """Description by name."""
        given = [Label(name=label) if isinstance(label, str) else label for label in self.labels]
        return {label.name: label.description for label in given}


class ImportanceBody(Body):
    text: Text
    context: Text | None = Field(None, description="What it is to be important for: a question, a task, a conversation.")
    known: list[Text] = Field([], max_length=100, description="What is known already: a text that repeats it matters less.")
    written_at: date | None = Field(None, strict=False, description="Day the text is from, such as 2026-01-31; what is older matters less.")
    half_life_days: float = Field(365.0, gt=0, le=36_500, description="Days after which its age halves what its freshness counts.")
    model: Writer
    embedding_model: Embedder


class MergeBody(Body):
    keep_id: Id = Field(description="The entity that stands for both.")
    merge_id: Id = Field(description="The entity that is found to be the same.")
    reason: str = Field("", max_length=500)

    @model_validator(mode="after")
    def _two(self) -> MergeBody:
        if self.keep_id == self.merge_id:
            raise ValueError("an entity cannot be merged into itself")
        return self


class PageQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200)


class EntityQuery(PageQuery):
    type: TypeName | None = Field(None, description="Only this type.")
    name: str | None = Field(None, min_length=1, max_length=200, description="Part of the name.")
    min_confidence: float = Field(0.0, ge=0, le=1)
    merged: bool = Field(False, description="Whether entities that were merged into others are listed too.")


class RelationQuery(PageQuery):
    entity_id: Id | None = Field(None, description="On either side, whatever was merged into it included.")
    predicate: TypeName | None = None
    source: str | None = Field(None, min_length=1, max_length=500)
    min_confidence: float = Field(0.0, ge=0, le=1)
    held_at: date | None = Field(None, description="Only what held on this day, as far as its text says.")


class CandidateQuery(FormBody):
    threshold: float = Field(0.75, ge=0, le=1, description="Least similarity.")
    limit: int = Field(20, ge=1, le=100)
