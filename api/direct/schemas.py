"""A chat that is kept nowhere."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from api.chat.answers import ProvenanceAnswer
from api.streams.schemas import AskingBody
from api.web.schema import Answer, Body


class DirectMessage(Body):
    role: Literal["system", "user", "assistant"]
    content: str = Field(min_length=1)


class DirectBody(AskingBody):
    messages: list[DirectMessage] = Field(min_length=1, max_length=1000)


class QuickBody(AskingBody):
    message: str = Field(min_length=1)


class DirectToolCall(Answer):
    id: str
    name: str
    arguments: str


class ModelSaid(Answer):
    """What every answer of a model says."""

    model: str
    text: str
    thinking: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    total_tokens: int
    cached_tokens: int
    provenance: ProvenanceAnswer | None = Field(description="Where the answer comes from, when not simply from the model that was asked.")
    latency_ms: int


class DirectAnswer(ModelSaid):
    tool_calls: list[DirectToolCall]
