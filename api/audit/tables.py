"""What was done, by whom, and from where. The database itself refuses to change or delete a row (see the migration)."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Identity, Index, String, func
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Table


class AuditEvent(Table):
    """Refers to other rows by id only, without foreign keys: it outlives them, and holds nothing of a person that has to be forgotten.
    ``organisation_id`` None: nobody was known (a failed sign-in)."""

    __tablename__ = "audit_events"
    __table_args__ = (Index("ix_audit_events_organisation_id_id", "organisation_id", "id"),)

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    organisation_id: Mapped[uuid.UUID | None]
    actor_id: Mapped[uuid.UUID | None]
    key_id: Mapped[uuid.UUID | None]
    action: Mapped[str] = mapped_column(String(100))
    target: Mapped[str | None] = mapped_column(String(300))
    address: Mapped[str | None] = mapped_column(String(64))
    request_id: Mapped[str | None] = mapped_column(String(128))
    detail: Mapped[dict[str, Any]]
