"""Organisations, users, teams, and who belongs where."""

from __future__ import annotations

import uuid

from sqlalchemy import ForeignKey, String, UniqueConstraint, true
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Identified, Table


class Organisation(Identified, Table):
    __tablename__ = "organisations"

    name: Mapped[str] = mapped_column(String(200))


class User(Identified, Table):
    """``email`` in lower case. ``password_hash``: argon2id, None for somebody who signs in elsewhere or has not chosen a password yet.
    ``keycloak_id``: the subject at the OpenID issuer ``issuer``; one without the other does not happen."""

    __tablename__ = "users"
    # Two issuers may name different people alike.
    __table_args__ = (UniqueConstraint("issuer", "keycloak_id"),)

    email: Mapped[str] = mapped_column(String(320), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    password_hash: Mapped[str | None] = mapped_column(String(200))
    issuer: Mapped[str | None] = mapped_column(String(500))
    keycloak_id: Mapped[str | None] = mapped_column(String(255))
    is_active: Mapped[bool] = mapped_column(server_default=true())


class Membership(Table):
    """A user's role in an organisation."""

    __tablename__ = "memberships"

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))


class Team(Identified, Table):
    """A named group of an organisation's members."""

    __tablename__ = "teams"
    __table_args__ = (UniqueConstraint("organisation_id", "name"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    name: Mapped[str] = mapped_column(String(200))


class TeamMember(Table):
    __tablename__ = "team_members"

    team_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), primary_key=True)
    user_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), primary_key=True, index=True)
