"""Limits that differ from those of the settings."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal

from sqlalchemy import BigInteger, ForeignKey, Numeric, String, func
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Table


class LimitOverride(Table):
    """Of one subject: the organisation itself, one of its users, or one of its keys. A limit that is None is that of the settings, 0 is
    none at all. ``subject_id`` is no foreign key, because it refers to one of three tables; ids are never used twice, so what outlives its
    subject holds for nobody, and goes with the organisation."""

    __tablename__ = "limit_overrides"

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    requests_per_minute: Mapped[int | None]
    tokens_per_day: Mapped[int | None] = mapped_column(BigInteger)
    concurrent: Mapped[int | None]
    budget_per_month: Mapped[Decimal | None] = mapped_column(Numeric(20, 9))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())
