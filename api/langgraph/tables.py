"""What LangGraph clients keep beside our runs."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, String, func
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Identified, Table


class ClientThread(Identified, Table):
    """Runs that follow each other. ``labels``: the client's metadata. ``edit``: what the next run begins with, where that is not what the
    latest run left: ``{"id", "run_id", "checkpoint_id", "values", "messages"}``, a checkpoint of a run with ``values`` put over it."""

    __tablename__ = "graph_threads"
    __table_args__ = (Index("ix_graph_threads_organisation_id_updated_at", "organisation_id", "updated_at"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    owner_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    labels: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sql("'{}'::jsonb"))
    edit: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))


class ThreadRun(Table):
    """Which thread a run belongs to; null: none, it was asked for by itself. ``strategy``: what was to be done with runs that were under
    way. ``messages``: the conversation as it was when the run began, its new messages included; null: the client did not speak in
    messages."""

    __tablename__ = "graph_thread_runs"
    __table_args__ = (Index("ix_graph_thread_runs_thread_id_created_at", "thread_id", "created_at"),)

    run_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("graph_runs.id", ondelete="CASCADE"), primary_key=True)
    thread_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("graph_threads.id", ondelete="CASCADE"))
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    labels: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=sql("'{}'::jsonb"))
    strategy: Mapped[str] = mapped_column(String(16))
    messages: Mapped[list[dict[str, Any]] | None] = mapped_column(JSONB(none_as_null=True))
