"""What is answered about conversations and their messages."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from pydantic import Field

from api.chat.answers import FallbackAnswer
from api.conversations.tables import Conversation, Message, Participant, ShareLink
from api.retrieval.attached import AttachedAnswer
from api.web.schema import Answer

RowT = TypeVar("RowT")


class ModelUsage(Answer):
    answers: int = Field(description="Summaries included.")
    input_tokens: int
    output_tokens: int
    cached_tokens: int


class ConversationAnswer(Answer):
    id: uuid.UUID
    user_id: uuid.UUID
    type: str
    status: str
    is_resumable: bool
    title: str
    tags: list[str]
    metadata: dict[str, Any]
    pinned: bool
    model: str | None
    system_prompt: str | None
    prompt_id: uuid.UUID | None
    prompt_variables: dict[str, str]
    active_leaf_id: uuid.UUID | None
    auto_compact: bool
    knowledge: AttachedAnswer | None = Field(description="Documents that answers here are written from.")
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    total_tokens: int = Field(description="Of all answers so far, and of summaries.")
    usage_by_model: dict[str, ModelUsage]
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    deleted_at: datetime | None

    @classmethod
    def of(cls, row: Conversation) -> ConversationAnswer:
        return cls(
            id=row.id,
            user_id=row.owner_id,
            type=row.type,
            status=row.status,
            is_resumable=row.is_resumable,
            title=row.title,
            tags=row.tags,
            metadata=row.details,
            pinned=row.pinned,
            model=row.model,
            system_prompt=row.system_prompt,
            prompt_id=row.prompt_id,
            prompt_variables=row.prompt_variables,
            active_leaf_id=row.active_leaf_id,
            auto_compact=row.auto_compact,
            knowledge=AttachedAnswer.of(row.knowledge),
            input_tokens=row.input_tokens,
            output_tokens=row.output_tokens,
            cached_tokens=row.cached_tokens,
            total_tokens=row.input_tokens + row.output_tokens,
            usage_by_model={name: ModelUsage.model_validate(counts) for name, counts in row.usage_by_model.items()},
            created_at=row.created_at,
            updated_at=row.updated_at,
            expires_at=row.expires_at,
            deleted_at=row.deleted_at,
        )


class MessageAnswer(Answer):
    id: uuid.UUID
    conversation_id: uuid.UUID
    parent_id: uuid.UUID | None
    author_id: uuid.UUID | None
    role: str
    status: str = Field(description="complete, stopped, interrupted or failed.")
    content: list[dict[str, Any]]
    text: str
    thinking: str
    tool_calls: list[dict[str, Any]]
    citations: list[dict[str, Any]]
    pinned: bool
    model: str | None
    adapter: str | None
    served_by: str | None = Field(description="The model that answered, where it may have been another than `model`.")
    release: str | None = Field(description="In the way of which release of its base it answered, `<name>@<version>`.")
    fallbacks: list[FallbackAnswer] = Field(description="Models that were asked before it, and why they could not answer.")
    from_cache: bool
    summary: str | None = Field(description="What stands for this message and all before it when a model is asked.")
    tool_call_id: str | None = Field(description="The call that a tool's message answers.")
    prompt_tokens: int | None
    completion_tokens: int | None
    cached_tokens: int | None
    total_tokens: int | None
    tokens_exact: bool = Field(description="The engine's own count; false: what was seen of an answer that did not reach its end.")
    finish_reason: str | None
    remark: str | None = Field(description="Why the answer is not whole, where it is not.")
    first_token_ms: int | None
    latency_ms: int | None
    created_at: datetime

    @classmethod
    def of(cls, row: Message) -> MessageAnswer:
        known = row.prompt_tokens is not None or row.completion_tokens is not None
        return cls(
            id=row.id,
            conversation_id=row.conversation_id,
            parent_id=row.parent_id,
            author_id=row.author_id,
            role=row.role,
            status=row.status,
            content=row.parts,
            text=row.text,
            thinking=row.thinking,
            tool_calls=row.tool_calls,
            citations=row.citations,
            pinned=row.pinned,
            model=row.model,
            adapter=row.adapter,
            served_by=row.served_by,
            release=row.release,
            fallbacks=[FallbackAnswer.model_validate(step) for step in row.fallbacks],
            from_cache=row.from_cache,
            summary=row.summary,
            tool_call_id=row.tool_call_id,
            prompt_tokens=row.prompt_tokens,
            completion_tokens=row.completion_tokens,
            cached_tokens=row.cached_tokens,
            total_tokens=(row.prompt_tokens or 0) + (row.completion_tokens or 0) if known else None,
            tokens_exact=row.tokens_exact,
            finish_reason=row.finish_reason,
            remark=row.remark,
            first_token_ms=row.first_token_ms,
            latency_ms=row.latency_ms,
            created_at=row.created_at,
        )


class ParticipantAnswer(Answer):
    user_id: uuid.UUID
    role: str
    created_at: datetime

    @classmethod
    def of(cls, row: Participant) -> ParticipantAnswer:
        return cls(user_id=row.user_id, role=row.role, created_at=row.created_at)


class ShareAnswer(Answer):
    id: uuid.UUID
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    token: str | None = Field(None, description="Shown once, when the link is made.")

    @classmethod
    def of(cls, row: ShareLink, token: str | None = None) -> ShareAnswer:
        return cls(id=row.id, created_at=row.created_at, expires_at=row.expires_at, revoked_at=row.revoked_at, token=token)


class SharedConversation(Answer):
    """What a link shows: neither people nor instructions."""

    title: str
    messages: list[SharedMessage]


class SharedMessage(Answer):
    role: str
    content: list[dict[str, Any]]
    thinking: str
    model: str | None
    created_at: datetime

    @classmethod
    def of(cls, row: Message) -> SharedMessage:
        return cls(role=row.role, content=row.parts, thinking=row.thinking, model=row.model, created_at=row.created_at)


class FoundMessage(Answer):
    conversation_id: uuid.UUID
    title: str
    message_id: uuid.UUID | None = Field(description="None: the title is what was found.")
    excerpt: str


class Listing(Answer, Generic[RowT]):
    items: list[RowT]
    next_cursor: str | None = Field(None, description="None: this was the last page.")


class ModelActivity(ModelUsage):
    model: str = Field(description="That answered.")
    unfinished: int = Field(description="Answers that were stopped, were interrupted or failed.")


class DayActivity(Answer):
    day: date = Field(description="In UTC. Days on which nothing was said are left out.")
    conversations: int
    messages: int
    tokens: int


class Analytics(Answer):
    """Of what is not deleted; what was used in all stands below `/api/v1/usage`."""

    conversations: int = Field(description="In which something was said.")
    messages: int
    people: int = Field(description="Who said something.")
    models: list[ModelActivity] = Field(description="The busiest first.")
    days: list[DayActivity] = Field(description="The latest first.")


class Cleaned(Answer):
    expired: int = Field(description="Conversations past their retention.")
    purged: int = Field(description="Softly deleted ones whose time is over.")


class Done(Answer):
    id: uuid.UUID
    done: str


class Exported(Answer):
    """The whole conversation with all its branches."""

    conversation: ConversationAnswer
    messages: list[MessageAnswer]
