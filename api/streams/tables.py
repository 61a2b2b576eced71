"""Answers that are to be written."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Identified, Owned, Table


class GenerationRow(Identified, Owned, Table):
    """One answer: ``id`` is also the id of the message that it becomes. ``state``: running until the message is saved, then how it ended
    (complete, stopped, interrupted, failed). ``request``: what the model is asked, so that any process can ask it; empty when it has
    ended. ``key_id``: the API key that was shown."""

    __tablename__ = "generations"
    __table_args__ = (Index("ix_generations_running", "created_at", postgresql_where=text("state = 'running'")),)

    conversation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    parent_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    state: Mapped[str] = mapped_column(String(16))
    attempts: Mapped[int]
    model: Mapped[str] = mapped_column(String(200))
    request: Mapped[dict[str, Any]] = mapped_column(JSONB)
    key_id: Mapped[uuid.UUID | None]
    ended_at: Mapped[datetime | None]
