"""The body of ``POST /v1/completions`` and its answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from api.generation.schemas import GenerationBody, UsageAnswer, unsupported
from api.web.schema import Answer
from cluster.contracts.generation import FinishReason

TokenId = Annotated[int, Field(ge=0, le=2**31 - 1)]
Tokens = Annotated[list[TokenId], Field(min_length=1)]
Prompt = Annotated[str, Field(min_length=1)] | Tokens


def _listed(value: object) -> object:
    """One prompt (a text, or a list of token ids) as a list of one."""
    if isinstance(value, str) or (isinstance(value, list) and value and all(isinstance(item, int) for item in value)):
        return [value]
    return value


Prompts = Annotated[
    list[Prompt], BeforeValidator(_listed, str | list[str] | list[int] | list[list[int]]), Field(min_length=1, max_length=256)
]


class CompletionBody(GenerationBody):
    prompt: Prompts = Field(description="Text, texts, token ids, or lists of token ids to continue.")
    logprobs: int | None = Field(None, ge=0, le=20, description="Alternatives to report for each token.")
    echo: Literal[False] | None = Field(None, description="The prompt is not repeated in the answer.")
    best_of: int | None = Field(None, description="Not offered beyond `n`.")
    suffix: Annotated[None, unsupported("insertion is not offered by the served models; leave it out")] = None

    @model_validator(mode="after")
    def _consistent(self) -> CompletionBody:
        if self.best_of is not None and self.best_of != (self.n or 1):
            raise ValueError("'best_of' is not offered; leave it out and choose among 'n' answers")
        if self.stream_options is not None and not self.stream:
            raise ValueError("'stream_options' needs 'stream': true")
        return self


class CompletionLogprobs(Answer):
    tokens: list[str]
    token_logprobs: list[float]
    top_logprobs: list[dict[str, float]]
    text_offset: list[int] = Field(description="Where each token begins in the text of the choice.")


class CompletionChoice(Answer):
    index: int
    text: str
    logprobs: CompletionLogprobs | None
    finish_reason: FinishReason | None


class CompletionAnswer(Answer):
    id: str
    object: Literal["text_completion"] = "text_completion"
    created: int = Field(description="Unix time.")
    model: str
    choices: list[CompletionChoice]
    usage: UsageAnswer
    system_fingerprint: str
