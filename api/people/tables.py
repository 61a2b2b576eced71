"""Organisations, users, and who belongs where."""

from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey, String, true
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Identified, Table


class Organisation(Identified, Table):
    __tablename__ = "organisations"

    name: Mapped[str] = mapped_column(String(200))


class User(Identified, Table):
    """``password_hash``: argon2id, None for somebody who signs in elsewhere only; ``keycloak_id``: the issuer's subject."""

    __tablename__ = "users"

    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    keycloak_id: Mapped[str | None] = mapped_column(String(255), unique=True)
    is_active: Mapped[bool] = mapped_column(server_default=true())


class Membership(Table):
    """A user's role in an organisation."""

    __tablename__ = "memberships"

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))
