"""The body of ``POST /v1/rerank`` and its answer: what the rerank APIs of Jina and Cohere have in common."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.web.schema import Answer, Body, ModelId

Text = Annotated[str, Field(min_length=1)]


class RerankText(Body):
    text: Text


class RerankBody(Body):
    model: ModelId = Field(examples=["bge-reranker-v2-m3"])
    query: Text
    documents: list[Text | RerankText] = Field(
        min_length=1, description='Texts, or objects {"text": ...}; the setting limits.rerank_documents bounds how many.'
    )
    top_n: int | None = Field(None, ge=1, description="How many of the best to give; by default all.")
    return_documents: bool = Field(True, description="Whether the answer repeats the texts.")
    max_tokens_per_doc: int | None = Field(
        None, ge=1, description="How much of each document is read; by default as much as the model takes beside the query."
    )
    user: str | None = Field(None, max_length=512, description="Accepted, without effect.")


class RerankDocument(Answer):
    text: str


class RerankResult(Answer):
    index: int = Field(description="Which of the documents, from 0.")
    relevance_score: float = Field(description="How well it answers, in 0..1; comparable within one model only.")
    document: RerankDocument | None = None


class RerankUsage(Answer):
    prompt_tokens: int
    total_tokens: int


class RerankAnswer(Answer):
    object: Literal["list"] = "list"
    id: str
    model: str
    results: list[RerankResult] = Field(description="The best first.")
    usage: RerankUsage
    truncated: list[int] = Field(description="Documents of which only the beginning was read.")
