"""Content that was fetched, kept for a while."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index, Integer, String, Text, func
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Owned, Table


class ContentRow(Identified, Owned, Table):
    """``source``: where it is from, for people; ``key``: SHA-256 of what was asked for. ``body``: as it came; ``text``: what a reader sees
    of it, none where that is not known here. ``cautions``: what was left out of the text. ``reads`` and ``read_at``: how often, and when
    last, it was asked for."""

    __tablename__ = "contents"
    __table_args__ = (
        Index("ix_contents_organisation_id_key_sha256", "organisation_id", "key", "sha256"),
        Index("ix_contents_expires_at", "expires_at"),
    )

    key: Mapped[str] = mapped_column(String(64))
    source: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(String(300))
    media_type: Mapped[str] = mapped_column(String(200))
    sha256: Mapped[str] = mapped_column(String(64))
    size: Mapped[int] = mapped_column(BigInteger)
    body: Mapped[bytes]
    text: Mapped[str | None] = mapped_column(Text)
    cautions: Mapped[list[str]]
    expires_at: Mapped[datetime]
    reads: Mapped[int] = mapped_column(Integer, server_default="0")
    read_at: Mapped[datetime] = mapped_column(server_default=func.now())
