"""Messages of the queue."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, String, Text, UniqueConstraint, func, text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.guarded import TurnedTable

# ``not_before`` of what need not wait: a clock that is set back does not make it wait either.
AT_ONCE = datetime(2000, 1, 1, tzinfo=UTC)
# The queue of events for webhooks, which only Hearth fills.
EVENTS = "events"


class QueueMessage(TurnedTable):
    """``queue``: a name for messages that belong together. ``type``: what is to be done, with ``payload`` (see kinds.py). ``role``: of the
    owner, when it was handed in. ``due_at``: from when on it could be taken, before anything went wrong; ``started_at``: when it first was.
    ``attempt`` counts claims, and fences writes; ``tries`` counts those that failed. ``worker``: the number of the advisory lock that the
    process which works on it holds. ``webhook_id``: whom it tells; it goes with them. ``error``: of the latest attempt."""

    __tablename__ = "queue_messages"
    __table_args__ = (
        Index("ix_queue_messages_organisation_id_created_at", "organisation_id", "created_at", "id"),
        Index("ix_queue_messages_queue", "priority", "queued_at", postgresql_where=text("state = 'queued'")),
        Index("ix_queue_messages_running", "worker", postgresql_where=text("state = 'running'")),
        Index("ix_queue_messages_open", "organisation_id", "queue", postgresql_where=text("state <> 'done'")),
        Index("ix_queue_messages_finished_at", "finished_at"),
        Index("ix_queue_messages_webhook_id", "webhook_id"),
        Index("ix_queue_messages_owner_id", "owner_id"),
        UniqueConstraint("organisation_id", "queue", "idempotency_key", name="uq_queue_messages_organisation_id_queue_idempotency_key"),
    )

    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    role: Mapped[str] = mapped_column(String(16), server_default="viewer")
    queue: Mapped[str] = mapped_column(String(64), server_default="default")
    type: Mapped[str] = mapped_column(String(32))
    payload: Mapped[dict[str, Any]]
    idempotency_key: Mapped[str | None] = mapped_column(String(200))
    webhook_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("webhooks.id", ondelete="CASCADE"))
    due_at: Mapped[datetime] = mapped_column(server_default=func.now())
    worker: Mapped[int | None] = mapped_column(BigInteger)
    result: Mapped[dict[str, Any] | None]
    error: Mapped[str | None] = mapped_column(Text)
    traceparent: Mapped[str | None] = mapped_column(String(64))
