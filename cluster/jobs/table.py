"""Jobs, and what happened to them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, func, text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.guarded import QueuedTable
from cluster.stores.tables import Table


class Job(QueuedTable):
    """``attempt`` counts processes, and names Ray jobs as well; ``tries`` counts them too. ``looked_at``: when a dispatcher last compared
    the row with Ray. ``checkpoint``: whatever the job needs to go on where it was; ``logged``: lines of log that are kept."""

    __tablename__ = "jobs"
    __table_args__ = (
        Index("ix_jobs_organisation_id_created_at", "organisation_id", "created_at", "id"),
        Index("ix_jobs_queue", "priority", "queued_at", postgresql_where=text("state = 'queued'")),
        Index("ix_jobs_running", "looked_at", postgresql_where=text("state = 'running'")),
        Index("ix_jobs_finished_at", "finished_at"),
    )

    kind: Mapped[str] = mapped_column(String(64))
    spec: Mapped[dict[str, Any]]
    submission_id: Mapped[str | None] = mapped_column(String(100))
    claimed_at: Mapped[datetime | None]
    heartbeat_at: Mapped[datetime | None]
    looked_at: Mapped[datetime | None]
    done: Mapped[int] = mapped_column(BigInteger, server_default="0")
    total: Mapped[int | None] = mapped_column(BigInteger)
    unit: Mapped[str] = mapped_column(String(64), server_default="")
    stage: Mapped[str] = mapped_column(String(200), server_default="")
    checkpoint: Mapped[dict[str, Any] | None]
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)
    logged: Mapped[int] = mapped_column(Integer, server_default="0")


class JobEvent(Table):
    """A change of state, or a line of log. Numbered within its job while the job's row is locked, so numbers become visible in their
    order; numbers that are missing were changes of progress, which stands in the row."""

    __tablename__ = "job_events"
    __table_args__ = (Index("ix_job_events_created_at_job_id_number", "created_at", "job_id", "number"),)

    job_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    kind: Mapped[str] = mapped_column(String(16))
    data: Mapped[dict[str, Any]]
