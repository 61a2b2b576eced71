"""The body of ``POST /v1/embeddings`` and its answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field

from api.web.schema import Answer, Body, ModelId

TokenId = Annotated[int, Field(ge=0, le=2**31 - 1)]
Text = Annotated[str, Field(min_length=1)]
Tokens = Annotated[list[TokenId], Field(min_length=1)]


def _listed(value: object) -> object:
    """One input (a text, or a list of token ids) as a list of one."""
    if isinstance(value, str) or (isinstance(value, list) and value and all(isinstance(item, int) for item in value)):
        return [value]
    return value


Inputs = Annotated[list[Text] | list[Tokens], BeforeValidator(_listed, str | list[str] | list[int] | list[list[int]]), Field(min_length=1)]


class EmbeddingBody(Body):
    model: ModelId = Field(examples=["all-minilm-l6-v2"])
    input: Inputs = Field(description="Text, texts, token ids, or lists of token ids; the setting limits.embedding_inputs bounds how many.")
    encoding_format: Literal["float", "base64"] | None = Field(None, description="base64: little-endian float32, a quarter of the size.")
    dimensions: int | None = Field(None, ge=1, le=65536, description="A shorter vector, from models trained for it.")
    user: str | None = Field(None, max_length=512, description="Accepted, without effect.")


class EmbeddingItem(Answer):
    object: Literal["embedding"] = "embedding"
    index: int
    embedding: list[float] | str = Field(description="L2 norm 1.")


class EmbeddingUsage(Answer):
    prompt_tokens: int
    total_tokens: int


class EmbeddingAnswer(Answer):
    object: Literal["list"] = "list"
    data: list[EmbeddingItem]
    model: str
    usage: EmbeddingUsage
    variant: str = Field(description="Exact form of the weights; vectors of two variants are not to be mixed in one index.")
