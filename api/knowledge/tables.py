"""Knowledge items with their versions, what they are related to, and with whom they are shared."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, Integer, String, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Identified, Owned, Table

DUE = "indexed_revision < revision"


class KnowledgeItem(Identified, Owned, Table):
    """What the latest version says, and what is known of it.

    ``audience``: what all of the organisation may do with it: ``none``, ``viewer`` or ``editor``. ``proposal``: a category and tags that
    nobody has confirmed. ``assessment``: how good it is, of which version. ``verdict``: what a person found when checking version
    ``checked_version``.

    ``revision`` counts all changes that the index must follow, ``indexed_revision`` those it has followed, with the vectors of
    ``indexed_model``. ``tries`` and ``not_before``: of a change that could not be followed, whose ``index_error`` is for people.
    """

    __tablename__ = "knowledge_items"
    __table_args__ = (
        CheckConstraint("audience IN ('none', 'viewer', 'editor')", name="audience"),
        Index("ix_knowledge_items_organisation_id_updated_at", "organisation_id", "updated_at", "id"),
        Index("ix_knowledge_items_due", "not_before", postgresql_where=text(DUE)),
    )

    version: Mapped[int] = mapped_column(Integer)
    title: Mapped[str] = mapped_column(String(500))
    content: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(100))
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    category: Mapped[str | None] = mapped_column(String(100))
    tags: Mapped[list[str]] = mapped_column(JSONB)
    audience: Mapped[str] = mapped_column(String(8))
    proposal: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    assessment: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    verdict: Mapped[str | None] = mapped_column(String(16))
    verdict_note: Mapped[str] = mapped_column(String(2000), server_default="")
    checked_version: Mapped[int | None]
    checked_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    checked_at: Mapped[datetime | None]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    revision: Mapped[int] = mapped_column(Integer, server_default="1")
    indexed_revision: Mapped[int] = mapped_column(Integer, server_default="0")
    indexed_model: Mapped[str | None] = mapped_column(String(200))
    tries: Mapped[int] = mapped_column(Integer, server_default="0")
    not_before: Mapped[datetime] = mapped_column(server_default=func.now())
    index_error: Mapped[str | None] = mapped_column(Text)


class KnowledgeGone(Table):
    """An item that was deleted, of which the index may still have something. Written by the database itself, whatever deletes an item:
    also its owner's account, or its organisation, which is therefore no foreign key here."""

    __tablename__ = "knowledge_gone"

    item_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    organisation_id: Mapped[uuid.UUID]


class KnowledgeVersion(Table):
    """What an item said at one time; never changed."""

    __tablename__ = "knowledge_versions"

    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("knowledge_items.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True, autoincrement=False)
    created_at: Mapped[datetime] = mapped_column(server_default=func.now())
    author_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
    note: Mapped[str] = mapped_column(String(500), server_default="")
    title: Mapped[str] = mapped_column(String(500))
    content: Mapped[str] = mapped_column(Text)
    kind: Mapped[str] = mapped_column(String(100))
    fields: Mapped[dict[str, Any]] = mapped_column(JSONB)
    category: Mapped[str | None] = mapped_column(String(100))
    tags: Mapped[list[str]] = mapped_column(JSONB)


class KnowledgeLink(Identified, Owned, Table):
    """``from_id`` stands to ``to_id`` in the relation ``kind``."""

    __tablename__ = "knowledge_links"
    __table_args__ = (UniqueConstraint("from_id", "to_id", "kind", name="uq_knowledge_links_from_id_to_id_kind"),)

    from_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("knowledge_items.id", ondelete="CASCADE"))
    to_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("knowledge_items.id", ondelete="CASCADE"), index=True)
    kind: Mapped[str] = mapped_column(String(100))


class KnowledgeShare(Identified, Table):
    """One user or one team that may do with an item what ``role`` says: ``viewer`` or ``editor``."""

    __tablename__ = "knowledge_shares"
    __table_args__ = (
        UniqueConstraint("item_id", "user_id", name="uq_knowledge_shares_item_id_user_id"),
        UniqueConstraint("item_id", "team_id", name="uq_knowledge_shares_item_id_team_id"),
        CheckConstraint("num_nonnulls(user_id, team_id) = 1", name="one"),
        CheckConstraint("role IN ('viewer', 'editor')", name="role"),
    )

    item_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("knowledge_items.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    team_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("teams.id", ondelete="CASCADE"), index=True)
    role: Mapped[str] = mapped_column(String(8))
