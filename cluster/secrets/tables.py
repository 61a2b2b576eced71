"""Secrets of an organisation: names in the clear, values sealed."""

from __future__ import annotations

import uuid
from datetime import datetime

from sqlalchemy import ForeignKey, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Table


class Secret(Identified, Table):
    """``version``: the one that is current. ``owner_id``: who made it; the secret is the organisation's and stays when they leave."""

    __tablename__ = "secrets"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    name: Mapped[str] = mapped_column(String(100))
    description: Mapped[str] = mapped_column(String(500))
    version: Mapped[int]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now(), onupdate=func.now())


class SecretVersion(Table):
    """``sealed``: nonce and AES-256-GCM ciphertext, under the key ``key_version`` of the key file."""

    __tablename__ = "secret_versions"

    secret_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("secrets.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    key_version: Mapped[int]
    sealed: Mapped[bytes]
