"""The journal of what went out."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, ForeignKey, Index, Integer, String, Text, Uuid
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Table


class OutgoingRequest(Identified, Table):
    """One request with all its redirects and repetitions. ``purpose``: what it was for, such as ``http`` or ``connector:web``;
    ``request_id``: of the request to this API that asked for it, ``job_id``: of the job that did. ``url``: as it was asked, ``final_url``:
    where it ended, both without secrets. ``address``: that was connected to. ``hops``: each exchange on the way. ``media_type``: as the
    answer says, ``found_type``: as its content is. ``bytes``: of the content, unpacked. ``error``: name of what went wrong, with
    ``message``; an answer with an error status is no such. ``finished_at``: none while it is under way, or when its process died."""

    __tablename__ = "outgoing_requests"
    __table_args__ = (
        Index("ix_outgoing_requests_organisation_id_created_at", "organisation_id", "created_at", "id"),
        Index("ix_outgoing_requests_created_at", "created_at"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    request_id: Mapped[str | None] = mapped_column(String(128))
    job_id: Mapped[uuid.UUID | None] = mapped_column(Uuid())
    purpose: Mapped[str] = mapped_column(String(64))
    method: Mapped[str] = mapped_column(String(16))
    url: Mapped[str] = mapped_column(Text)
    host: Mapped[str] = mapped_column(String(253))
    sent_bytes: Mapped[int] = mapped_column(BigInteger, server_default="0")
    final_url: Mapped[str | None] = mapped_column(Text)
    address: Mapped[str | None] = mapped_column(String(64))
    status: Mapped[int | None] = mapped_column(Integer)
    media_type: Mapped[str | None] = mapped_column(String(200))
    found_type: Mapped[str | None] = mapped_column(String(200))
    bytes: Mapped[int | None] = mapped_column(BigInteger)
    ms: Mapped[int | None] = mapped_column(Integer)
    hops: Mapped[list[dict[str, Any]]] = mapped_column(JSONB, server_default="[]")
    error: Mapped[str | None] = mapped_column(String(64))
    message: Mapped[str | None] = mapped_column(Text)
    finished_at: Mapped[datetime | None]
