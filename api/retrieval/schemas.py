"""Questions to the collections, and what is found."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.web.schema import Answer, Body
from cluster.contracts.retrieval import ChunkKind, ChunkRecord, Filters, PartName, Span
from cluster.retrieval.passages import Found, Passage
from cluster.specs.retrieval import RerankSpec, RetrievalSpec, Searching

Word = Annotated[str, Field(min_length=1, max_length=200)]
Words = Annotated[list[Word], Field(max_length=100)]
AttributeName = Annotated[str, Field(pattern=r"^[a-z0-9_]{1,64}$")]
Value = bool | Annotated[int, Field(ge=-(2**53), le=2**53)] | Annotated[str, Field(max_length=1000)]
Values = Annotated[list[Value], Field(min_length=1, max_length=100)]
Collections = Annotated[list[Word], Field(min_length=1, max_length=100)]
SettingsName = Annotated[str, Field(min_length=1, max_length=64)]
Limit = Annotated[int, Field(ge=1, le=100)]


class RerankBody(RerankSpec, Body):
    """How the best are read again."""


class SearchingBody(Searching, Body):
    """What is to be otherwise than in the settings; what is left out stays."""

    rerank: RerankBody | None = Field(None, description="Null: hits are not read again.")


class FiltersBody(Body):
    """All that are given must hold; of the values of one, any."""

    documents: Words = Field(default_factory=list, description="Ids of documents.")
    kinds: Annotated[list[ChunkKind], Field(max_length=2)] = Field(default_factory=list)
    tags: Words = Field(default_factory=list)
    attributes: dict[AttributeName, Values] = Field(default_factory=dict, max_length=32, description="Values by name.")

    def filters(self) -> Filters:
        attributes = {name: tuple(values) for name, values in self.attributes.items()}
        return Filters(documents=tuple(self.documents), kinds=tuple(self.kinds), tags=tuple(self.tags), attributes=attributes)


class SearchBody(Body):
    question: str = Field(min_length=1, description="What you want to know, in your own words.")
    collections: Collections | None = Field(None, description="Ids or names; by default all of your organisation.")
    settings: SettingsName | None = Field(
        None, description="Name of retrieval settings; by default those of the collections, or `default` where they differ."
    )
    overrides: SearchingBody | None = Field(None, description="What is to be otherwise than in these settings.")
    limit: Limit | None = Field(None, description="Most passages to give; by default as the settings say.")
    filters: FiltersBody = FiltersBody()


class SpanAnswer(Answer):
    """Characters `start` to `end` (exclusive) of the document's text."""

    start: int
    end: int

    @classmethod
    def of(cls, span: Span) -> SpanAnswer:
        return cls(start=span.start, end=span.end)


class PartAnswer(Answer):
    part: PartName
    score: float
    rank: int = Field(description="From 1.")


class ChunkAnswer(Answer):
    document_id: str
    chunk: int = Field(description="Its number within the document.")
    span: SpanAnswer
    page: int | None

    @classmethod
    def of(cls, chunk: ChunkRecord) -> ChunkAnswer:
        return cls(document_id=chunk.document, chunk=chunk.number, span=SpanAnswer.of(chunk.span), page=chunk.page)


class HitAnswer(Answer):
    document_id: str
    collection_id: str
    path: str = Field(description="What people call the document.")
    version: int
    page: int | None = Field(description="On which the text begins, from 1.")
    heading_path: list[str]
    span: SpanAnswer
    text: str = Field(description="Exactly what stands at `span`: the chunk that was found, or the section around it.")
    found: ChunkAnswer = Field(description="The chunk that was found.")
    tags: list[str]
    score: float = Field(description="What hits are ordered by; comparable within one answer only.")
    scores: list[PartAnswer]
    reason: str
    repeats: list[ChunkAnswer] = Field(description="Chunks that say the same, or stand in the same section, and are not shown.")

    @classmethod
    def of(cls, passage: Passage) -> HitAnswer:
        chunk = passage.chunk
        return cls(
            document_id=chunk.document,
            collection_id=chunk.collection,
            path=passage.path,
            version=chunk.version,
            page=passage.page,
            heading_path=list(chunk.heading_path),
            span=SpanAnswer.of(passage.span),
            text=passage.text,
            found=ChunkAnswer.of(chunk),
            tags=list(chunk.tags),
            score=passage.score,
            scores=[PartAnswer(part=part.part, score=part.score, rank=part.rank) for part in passage.parts],
            reason=passage.reason,
            repeats=[ChunkAnswer.of(one) for one in passage.repeats],
        )


class SearchAnswer(Answer):
    settings: str = Field(description="Name and version of the settings, as in `default@1`.")
    overridden: list[str] = Field(description="What was otherwise.")
    hits: list[HitAnswer] = Field(description="The best first.")
    notes: list[str] = Field(description="What was done otherwise than asked for, such as a search without its reranker, and why.")

    @classmethod
    def of(cls, spec: RetrievalSpec, overridden: list[str], found: Found) -> SearchAnswer:
        hits = [HitAnswer.of(passage) for passage in found.passages]
        return cls(settings=spec.title, overridden=overridden, hits=hits, notes=list(found.notes))


class SettingsAnswer(RetrievalSpec, Answer):
    """One way to search, with everything it says and leaves at its default."""

    @classmethod
    def of(cls, spec: RetrievalSpec) -> SettingsAnswer:
        return cls.model_validate(spec.model_dump())
