"""API keys, of which only a hash is kept."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Identified, Owned, Table


class ApiKey(Identified, Owned, Table):
    """``key_hash``: SHA-256 of 256 random bits, which needs no salt and no slow hash. ``prefix``: the beginning of the key, by which a
    person recognises it. ``replaced_by_id``: the key it was rotated to; it stays valid until ``expires_at`` passes."""

    __tablename__ = "api_keys"

    name: Mapped[str] = mapped_column(String(200))
    prefix: Mapped[str] = mapped_column(String(16))
    key_hash: Mapped[bytes] = mapped_column(unique=True)
    scopes: Mapped[list[str]]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]
    replaced_by_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("api_keys.id", ondelete="SET NULL"))
