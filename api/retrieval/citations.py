"""Answers from documents: how one is asked for, and what it says of its citations. Shared by whatever has answers written."""

from __future__ import annotations

from pydantic import Field

from api.retrieval.schemas import Collections, Limit, SettingsName, SpanAnswer
from api.web.schema import Answer, Body
from cluster.retrieval.briefing import Briefing
from cluster.retrieval.cited import Dropped
from cluster.retrieval.passages import Passage
from cluster.retrieval.quotes import Citation


class KnowledgeWish(Body):
    """Searches documents for what the user said last, shows the model what is found as numbered passages, and checks what it cites."""

    collections: Collections | None = Field(None, description="Ids or names; by default all of your organisation.")
    settings: SettingsName | None = Field(
        None, description="Name of retrieval settings; by default those of the collections, or `default` where they differ."
    )
    limit: Limit | None = Field(
        None, description="Most passages to show; by default as the settings say, and as the model's context holds."
    )
    require: bool = Field(
        False, description="True: where nothing is found, the answer says just that, and no model is asked. False: the model is told so."
    )


class CitationAnswer(Answer):
    """One `[number]` in the text, or, of an answer without any, what Hearth found: with the sentence of a document that bears it out."""

    number: int = Field(description="Of the passage, from 1.")
    at: int = Field(description="Where it stands in the content, in characters; of what is attributed: where the sentence ends.")
    attributed: bool = Field(description="False: the model wrote the number. True: it wrote none, and Hearth found where this is said.")
    document_id: str
    collection_id: str
    path: str
    version: int
    page: int | None
    span: SpanAnswer
    quote: str = Field(description="Exactly what stands at `span` of the document's text.")

    @classmethod
    def of(cls, citation: Citation) -> CitationAnswer:
        chunk = citation.passage.chunk
        return cls(
            number=citation.number,
            at=citation.at,
            attributed=citation.attributed,
            document_id=chunk.document,
            collection_id=chunk.collection,
            path=citation.passage.path,
            version=chunk.version,
            page=citation.page,
            span=SpanAnswer.of(citation.span),
            quote=citation.quote,
        )


class ShownAnswer(Answer):
    """A passage as the model was shown it."""

    number: int
    document_id: str
    collection_id: str
    path: str
    version: int
    page: int | None
    span: SpanAnswer
    text: str
    score: float
    reason: str

    @classmethod
    def of(cls, number: int, passage: Passage) -> ShownAnswer:
        chunk = passage.chunk
        return cls(
            number=number,
            document_id=chunk.document,
            collection_id=chunk.collection,
            path=passage.path,
            version=chunk.version,
            page=passage.page,
            span=SpanAnswer.of(passage.span),
            text=passage.text,
            score=passage.score,
            reason=passage.reason,
        )


class DroppedAnswer(Answer):
    """Citations that were taken out of the text."""

    missing: int = Field(description="Of a number that no passage has.")
    unsupported: int = Field(description="Of a passage none of whose sentences has enough of the words of what is said.")


class KnowledgeAnswer(Answer):
    settings: str = Field(description="Name and version of the retrieval settings, as in `default@1`.")
    found: int = Field(description="Passages that were found.")
    passages: list[ShownAnswer] = Field(description="Those that the model was shown.")
    dropped: DroppedAnswer
    notes: list[str] = Field(description="What was done otherwise than asked for, and why.")

    @classmethod
    def of(cls, briefing: Briefing, dropped: Dropped) -> KnowledgeAnswer:
        return cls(
            settings=briefing.spec.title,
            found=briefing.found,
            passages=[ShownAnswer.of(number, passage) for number, passage in enumerate(briefing.passages, start=1)],
            dropped=DroppedAnswer(missing=dropped.missing, unsupported=dropped.unsupported),
            notes=list(briefing.notes),
        )
