"""A chat with tools: what is sent, and what is answered."""

from __future__ import annotations

import uuid
from typing import Annotated, Literal

from pydantic import Field, model_validator

from api.conversations.schemas import Content, Id
from api.direct.schemas import DirectMessage, ModelSaid
from api.retrieval.citations import CitationAnswer, KnowledgeAnswer
from api.streams.schemas import CompactWish, ModelBody
from api.web.schema import Answer, Body, FreeObject, ModelId
from cluster.specs.providers import DEEPEST_CHAIN
from cluster.tools.loop import Outcome

ToolPattern = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.*-]{1,128}$")]


class McpChatBody(ModelBody):
    """Either ``messages``, and nothing is kept; or a ``conversation_id`` and the ``content`` of a new message in it."""

    messages: list[DirectMessage] | None = Field(None, min_length=1, max_length=1000, description="What was said so far; nothing is kept.")
    conversation_id: Id | None = Field(None, description="The conversation that goes on: question, calls and answer are kept in it.")
    content: Content | None = Field(None, description="What is said now, with `conversation_id`.")
    tools: list[ToolPattern] | None = Field(
        None,
        max_length=128,
        description="Tools to offer, by name, `*` for any characters. By default those chosen for the conversation, else your own choice, "
        "else all that your role may call; []: none.",
    )
    approve: list[ToolPattern] = Field(
        default_factory=list, max_length=128, description="Dangerous tools that need not be asked about in this request."
    )
    tool_choice: Literal["auto", "required", "none"] = Field("auto", description="Whether the model has to call a tool first.")
    rounds: int | None = Field(None, ge=1, description="Times it may call tools; at most the setting tools.rounds.")
    fallbacks: Annotated[list[ModelId], Field(max_length=DEEPEST_CHAIN - 1)] | None = Field(
        None, description="Models to ask in this order when `model` cannot answer."
    )

    compact: CompactWish = None

    @model_validator(mode="after")
    def _one_way(self) -> McpChatBody:
        if (self.messages is None) == (self.conversation_id is None):
            raise ValueError("give either 'messages' or 'conversation_id'")
        if (self.conversation_id is None) != (self.content is None):
            raise ValueError("'conversation_id' and 'content' belong together")
        if self.compact is not None and self.conversation_id is None:
            raise ValueError("'compact' is about a conversation; leave it out, or send a 'conversation_id'")
        return self


class McpCall(Answer):
    id: str
    name: str
    arguments: str = Field(description="As the model wrote them.")
    outcome: Outcome = Field(description="`refused`: there is no such tool, or the arguments are none. `denied`: nobody approved.")
    summary: str = Field(description="The beginning of what the model was told.")
    ms: int
    flagged: list[str] = Field(description="Why the result counts as one that gives instructions; it was marked as data.")


class McpAnswer(ModelSaid):
    calls: list[McpCall] = Field(description="In the order in which they ended.")
    rounds: int = Field(description="Times the model was asked.")
    message_id: uuid.UUID | None = Field(description="The answer in the conversation, where there is one.")
    citations: list[CitationAnswer] = Field(description="Of documents that are attached to the conversation.")
    knowledge: KnowledgeAnswer | None = Field(description="What was found in them; null where there are none.")


class ApprovalBody(Body):
    approve: bool


class Pending(Answer):
    """A call that waits for approval."""

    id: uuid.UUID
    tool: str
    title: str
    arguments: FreeObject
    conversation_id: uuid.UUID | None
    expires_in_s: int = Field(description="Seconds after which it is not carried out.")


class Decided(Answer):
    id: uuid.UUID
    approved: bool
