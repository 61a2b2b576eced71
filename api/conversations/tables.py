"""Conversations, what was said in them, who takes part, and the links by which others may read them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Computed, ForeignKey, Index, String, Text, false, func, text, true
from sqlalchemy.dialects.postgresql import JSONB, TSVECTOR
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Identified, Owned, Table

# A text of any length is kept; this much of it is searched (PostgreSQL refuses a tsvector of more than a mebibyte).
_SEARCHED = "to_tsvector('simple'::regconfig, \"left\"({column}, 100000))"
_EMPTY_LIST = text("'[]'::jsonb")
_EMPTY_OBJECT = text("'{}'::jsonb")


class Conversation(Identified, Owned, Table):
    """A session and a conversation are the same thing. ``active_leaf_id``: the message the next one answers. The token counts are
    running totals, ``usage_by_model`` the same for each model that answered (see totals.py). ``knowledge``: documents that answers are
    written from, as api/retrieval/attached.py has it."""

    __tablename__ = "conversations"
    __table_args__ = (
        Index("ix_conversations_title_vector", "title_vector", postgresql_using="gin"),
        Index("ix_conversations_expires_at", "expires_at"),
        # For lists: the latest of an organisation's conversations in which somebody takes part.
        Index("ix_conversations_organisation_id_updated_at_id", "organisation_id", "updated_at", "id"),
    )

    type: Mapped[str] = mapped_column(String(32))
    status: Mapped[str] = mapped_column(String(16))
    is_resumable: Mapped[bool] = mapped_column(server_default=true())
    title: Mapped[str] = mapped_column(String(300))
    tags: Mapped[list[str]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    details: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT)
    pinned: Mapped[bool] = mapped_column(server_default=false())
    model: Mapped[str | None] = mapped_column(String(200))
    system_prompt: Mapped[str | None] = mapped_column(Text)
    prompt_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("system_prompts.id", ondelete="SET NULL"))
    prompt_variables: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT)
    active_leaf_id: Mapped[uuid.UUID | None]
    auto_compact: Mapped[bool] = mapped_column(server_default=false())
    knowledge: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    input_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    output_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    cached_tokens: Mapped[int] = mapped_column(BigInteger, server_default="0")
    usage_by_model: Mapped[dict[str, dict[str, int]]] = mapped_column(JSONB, server_default=_EMPTY_OBJECT)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    expires_at: Mapped[datetime]
    deleted_at: Mapped[datetime | None]
    title_vector: Mapped[str] = mapped_column(TSVECTOR, Computed(_SEARCHED.format(column="title"), persisted=True), deferred=True)


class Message(Identified, Table):
    """One message; those with the same ``parent_id`` are branches. An answer has the id of the generation that wrote it, which is why it
    can be saved only once. ``prompt_tokens`` is None where nobody could count them; ``tokens_exact``: the engine's own report.
    ``summary``: what stands for this message and all before it when a model is asked. ``tool_call_id``: the call that a tool's message
    answers. ``served_by``: the model that answered, where ``fallbacks`` (model, code, reason) could not. ``release``: in the way of which
    release of it, ``<name>@<version>``."""

    __tablename__ = "messages"
    __table_args__ = (
        Index("ix_messages_text_vector", "text_vector", postgresql_using="gin"),
        Index("ix_messages_conversation_id_created_at", "conversation_id", "created_at"),
        # For searches: the latest messages with a word that is everywhere are found by walking back in time.
        Index("ix_messages_created_at_id", "created_at", "id"),
        Index("ix_messages_release", "release", "created_at", postgresql_where=text("release IS NOT NULL")),
    )

    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"))
    parent_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    author_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    role: Mapped[str] = mapped_column(String(16))
    status: Mapped[str] = mapped_column(String(16), server_default="complete")
    parts: Mapped[list[dict[str, Any]]] = mapped_column(JSONB)
    text: Mapped[str] = mapped_column(Text)
    thinking: Mapped[str] = mapped_column(Text, server_default="")
    tool_calls: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    citations: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    pinned: Mapped[bool] = mapped_column(server_default=false())
    model: Mapped[str | None] = mapped_column(String(200))
    adapter: Mapped[str | None] = mapped_column(String(200))
    served_by: Mapped[str | None] = mapped_column(String(300))
    release: Mapped[str | None] = mapped_column(String(100))
    fallbacks: Mapped[list[dict[str, str]]] = mapped_column(JSONB, server_default=_EMPTY_LIST)
    from_cache: Mapped[bool] = mapped_column(server_default=false())
    summary: Mapped[str | None] = mapped_column(Text)
    tool_call_id: Mapped[str | None] = mapped_column(String(256))
    prompt_tokens: Mapped[int | None]
    completion_tokens: Mapped[int | None]
    cached_tokens: Mapped[int | None]
    tokens_exact: Mapped[bool] = mapped_column(server_default=false())
    finish_reason: Mapped[str | None] = mapped_column(String(32))
    remark: Mapped[str | None] = mapped_column(Text)
    first_token_ms: Mapped[int | None]
    latency_ms: Mapped[int | None]
    text_vector: Mapped[str] = mapped_column(TSVECTOR, Computed(_SEARCHED.format(column="text"), persisted=True), deferred=True)


class Participant(Table):
    """Somebody who sees the conversation; ``role``: owner, writer or reader."""

    __tablename__ = "participants"

    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ShareLink(Identified, Table):
    """Whoever has the token may read the conversation up to ``leaf_id``. The token itself is not kept, only its SHA-256."""

    __tablename__ = "share_links"

    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    created_by: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    token_hash: Mapped[str] = mapped_column(String(64), unique=True)
    leaf_id: Mapped[uuid.UUID]
    expires_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
