"""What was used, added up by day."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from decimal import Decimal

from sqlalchemy import BigInteger, Identity, Index, Numeric, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Table


class UsageDay(Table):
    """One row for each day (UTC), organisation, user, key and model. ``key_id`` None: a person who was signed in. Refers to other rows by
    id only, without foreign keys: a bill outlives who caused it, and holds nothing of a person that has to be forgotten."""

    __tablename__ = "usage_days"
    __table_args__ = (
        UniqueConstraint("organisation_id", "day", "user_id", "key_id", "model", postgresql_nulls_not_distinct=True),
        Index("ix_usage_days_organisation_id_user_id", "organisation_id", "user_id", "day"),
    )

    id: Mapped[int] = mapped_column(BigInteger, Identity(), primary_key=True)
    day: Mapped[date]
    organisation_id: Mapped[uuid.UUID]
    user_id: Mapped[uuid.UUID]
    key_id: Mapped[uuid.UUID | None]
    model: Mapped[str] = mapped_column(String(300))
    requests: Mapped[int] = mapped_column(BigInteger)
    input_tokens: Mapped[int] = mapped_column(BigInteger)
    output_tokens: Mapped[int] = mapped_column(BigInteger)
    cached_tokens: Mapped[int] = mapped_column(BigInteger)
    estimated: Mapped[int] = mapped_column(BigInteger)
    audio_ms: Mapped[int] = mapped_column(BigInteger)
    images: Mapped[int] = mapped_column(BigInteger)
    cost: Mapped[Decimal] = mapped_column(Numeric(20, 9))


class UsageBatch(Table):
    """A batch of counts that is in ``usage_days`` already. Written in the same transaction, so that whoever finds the batch in Redis once
    more, after a crash or at the same moment, knows."""

    __tablename__ = "usage_batches"

    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    added_at: Mapped[datetime] = mapped_column(server_default=func.now(), index=True)
