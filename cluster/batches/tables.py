"""Files as OpenAI's API knows them, batches of requests, and the answers that a batch has so far."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Owned, Table


class BatchStatus(StrEnum):
    """OpenAI's words."""

    VALIDATING = "validating"
    FAILED = "failed"
    IN_PROGRESS = "in_progress"
    FINALIZING = "finalizing"
    COMPLETED = "completed"
    EXPIRED = "expired"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"


class FileRow(Identified, Owned, Table):
    """``id`` is that of its bytes in the FileStore. ``expires_at``: when it is removed; none: when somebody removes it."""

    __tablename__ = "files"
    __table_args__ = (
        Index("ix_files_organisation_id_created_at", "organisation_id", "created_at", "id"),
        Index("ix_files_expires_at", "expires_at"),
    )

    purpose: Mapped[str] = mapped_column(String(32))
    filename: Mapped[str] = mapped_column(String(512))
    bytes: Mapped[int] = mapped_column(BigInteger)
    sha256: Mapped[str] = mapped_column(String(64))
    expires_at: Mapped[datetime | None]


class Batch(Identified, Owned, Table):
    """``key_id``: the API key it was made with, whose scopes and limits hold for its requests; no foreign key, so that a batch whose key is
    gone is not taken for one of a person who signed in. ``labels``: OpenAI's ``metadata``. ``errors``: why the input was refused, or the
    batch ended. ``output_kept_s``: seconds the files of answers stay. ``expires_at``: when it ends with what was done. ``usage``: tokens of
    the answers, in OpenAI's shape."""

    __tablename__ = "batches"
    __table_args__ = (
        Index("ix_batches_organisation_id_created_at", "organisation_id", "created_at", "id"),
        Index("ix_batches_open", "expires_at", postgresql_where=text("ended_at IS NULL")),
    )

    key_id: Mapped[uuid.UUID | None]
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    status: Mapped[str] = mapped_column(String(16), server_default=BatchStatus.VALIDATING.value)
    endpoint: Mapped[str] = mapped_column(String(64))
    completion_window: Mapped[str] = mapped_column(String(16))
    model: Mapped[str | None] = mapped_column(String(200))
    labels: Mapped[dict[str, Any] | None]
    errors: Mapped[dict[str, Any] | None]
    usage: Mapped[dict[str, Any] | None]
    input_file_id: Mapped[uuid.UUID] = mapped_column(index=True)
    output_file_id: Mapped[uuid.UUID | None]
    error_file_id: Mapped[uuid.UUID | None]
    output_kept_s: Mapped[int | None] = mapped_column(Integer)
    total: Mapped[int] = mapped_column(Integer, server_default="0")
    completed: Mapped[int] = mapped_column(Integer, server_default="0")
    failed: Mapped[int] = mapped_column(Integer, server_default="0")
    expires_at: Mapped[datetime]
    in_progress_at: Mapped[datetime | None]
    finalizing_at: Mapped[datetime | None]
    cancelling_at: Mapped[datetime | None]
    ended_at: Mapped[datetime | None]


class BatchAnswer(Table):
    """The answer to one line of the input: the first that was written, and no other. They go when the batch's files are there."""

    __tablename__ = "batch_answers"

    batch_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("batches.id", ondelete="CASCADE"), primary_key=True)
    line: Mapped[int] = mapped_column(Integer, primary_key=True)
    is_error: Mapped[bool]
    content: Mapped[str] = mapped_column(Text)
