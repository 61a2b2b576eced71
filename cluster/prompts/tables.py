"""System prompts and their versions."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, Text, UniqueConstraint, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Owned, Table


class SystemPrompt(Identified, Owned, Table):
    """``pattern``: the models it is for unless a conversation says otherwise, such as ``qwen*``; None: only where it is named."""

    __tablename__ = "system_prompts"
    __table_args__ = (UniqueConstraint("organisation_id", "name", name="uq_system_prompts_organisation_id"),)

    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(Text, server_default="")
    pattern: Mapped[str | None] = mapped_column(String(200))
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class PromptVersion(Identified, Table):
    """What the prompt said at one time; never changed. ``variables``: defaults by name."""

    __tablename__ = "prompt_versions"
    __table_args__ = (Index("ix_prompt_versions_prompt_id_version", "prompt_id", "version", unique=True),)

    prompt_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("system_prompts.id", ondelete="CASCADE"))
    version: Mapped[int]
    text: Mapped[str] = mapped_column(Text)
    variables: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sql("'{}'::jsonb"))
    note: Mapped[str] = mapped_column(String(500), server_default="")
    author_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
