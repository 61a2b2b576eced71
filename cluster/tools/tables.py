"""MCP servers, which tools are used where, and what was called."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Table


class McpServer(Identified, Table):
    """``name``: also the first part of its tools' names. ``url``: of one over streamable HTTP; ``command`` with ``arguments``: of one
    over stdio. ``headers`` and ``environment``: values may be `secret:NAME`. ``allow`` (null: all) and ``deny``: patterns of its own
    names of tools. ``trusted``: what it says of its tools' effects is believed. ``role``: what who calls its tools must be. ``version``
    counts changes of the configuration. ``tools``: as it listed them last, at ``listed_at``; ``problem``: why it did not the last time,
    and what of the list was left out."""

    __tablename__ = "mcp_servers"
    __table_args__ = (UniqueConstraint("organisation_id", "name", name="uq_mcp_servers_organisation_id"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(32))
    description: Mapped[str] = mapped_column(String(500), server_default="")
    url: Mapped[str | None] = mapped_column(Text)
    command: Mapped[str | None] = mapped_column(Text)
    arguments: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    headers: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    environment: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default="{}")
    auth: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    allow: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    deny: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    timeout_s: Mapped[float | None] = mapped_column(Float)
    role: Mapped[str] = mapped_column(String(16), server_default="editor")
    trusted: Mapped[bool] = mapped_column(server_default=text("false"))
    enabled: Mapped[bool] = mapped_column(server_default=text("true"))
    version: Mapped[int] = mapped_column(Integer, server_default="1")
    tools: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
    listed_at: Mapped[datetime | None]
    problem: Mapped[str | None] = mapped_column(Text)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class ToolChoice(Identified, Table):
    """Which tools are used: in the organisation, by one person, or in one conversation. ``scope``: `organisation`, `user:<id>` or
    `conversation:<id>`. ``allow`` (null: all) and ``deny``: patterns of names, or `category:NAME`."""

    __tablename__ = "tool_choices"
    __table_args__ = (UniqueConstraint("organisation_id", "scope", name="uq_tool_choices_organisation_id"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    scope: Mapped[str] = mapped_column(String(64))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    conversation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    allow: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    deny: Mapped[list[str]] = mapped_column(JSONB, server_default="[]")
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class ToolOptions(Table):
    """What an organisation set for a tool; what is not in ``values`` is as the tool has it."""

    __tablename__ = "tool_options"

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True)
    tool: Mapped[str] = mapped_column(String(200), primary_key=True)
    values: Mapped[dict[str, Any]] = mapped_column(JSONB)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class ToolCallRow(Identified, Table):
    """One call. ``outcome``: none while it is under way, or when its process died. ``arguments`` and ``result`` are cut to
    `tools.history_bytes`, as texts where they are."""

    __tablename__ = "tool_calls"
    __table_args__ = (
        Index("ix_tool_calls_organisation_id_created_at", "organisation_id", "created_at", "id"),
        Index("ix_tool_calls_created_at", "created_at"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    run_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("graph_runs.id", ondelete="CASCADE"), index=True)
    conversation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    tool: Mapped[str] = mapped_column(String(200))
    source: Mapped[str] = mapped_column(String(64))
    call_key: Mapped[str] = mapped_column(String(500))
    workspace: Mapped[str] = mapped_column(String(100))
    arguments: Mapped[Any] = mapped_column(JSONB)
    result: Mapped[Any | None] = mapped_column(JSONB(none_as_null=True))
    error: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str | None] = mapped_column(Text)
    outcome: Mapped[str | None] = mapped_column(String(16))
    is_cut: Mapped[bool] = mapped_column(server_default=text("false"))
    ms: Mapped[int | None] = mapped_column(Integer)
    finished_at: Mapped[datetime | None]
