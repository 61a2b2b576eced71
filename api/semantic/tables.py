"""Entities, the relations between them that texts state, and which entities were found to be one."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, Text, UniqueConstraint, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from api.web.tables import Identified, Owned, Table


class Entity(Identified, Owned, Table):
    """``name`` as a text has it, ``name_key`` as it is compared. ``merged_into``: the entity that it was found to be; relations stay with
    the entity that their text names, so that a merge can be taken back. ``confidence`` in 0..1."""

    __tablename__ = "entities"
    __table_args__ = (
        UniqueConstraint("organisation_id", "type", "name_key", name="uq_entities_organisation_id_type_name_key"),
        Index("ix_entities_organisation_id_created_at", "organisation_id", "created_at", "id"),
    )

    name: Mapped[str] = mapped_column(String(500))
    name_key: Mapped[str] = mapped_column(String(500))
    type: Mapped[str] = mapped_column(String(100))
    confidence: Mapped[float]
    merged_into: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("entities.id", ondelete="SET NULL"), index=True)


class Relation(Identified, Owned, Table):
    """A fact. ``quote`` is what stands at ``start`` to ``end`` of the text whose SHA-256 is ``text_hash`` and which the caller calls
    ``source``. ``held_from`` and ``held_until``: first and last day on which it held, where the text says so."""

    __tablename__ = "relations"
    __table_args__ = (
        UniqueConstraint(
            "organisation_id", "text_hash", "start", "subject_id", "predicate", "object_id", name="uq_relations_organisation_id_text_hash"
        ),
        Index("ix_relations_organisation_id_created_at", "organisation_id", "created_at", "id"),
    )

    subject_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("entities.id", ondelete="CASCADE"), index=True)
    predicate: Mapped[str] = mapped_column(String(200))
    object_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("entities.id", ondelete="CASCADE"), index=True)
    confidence: Mapped[float]
    quote: Mapped[str] = mapped_column(Text)
    start: Mapped[int] = mapped_column(Integer)
    end: Mapped[int] = mapped_column(Integer)
    text_hash: Mapped[str] = mapped_column(String(64))
    source: Mapped[str | None] = mapped_column(String(500))
    held_from: Mapped[date | None]
    held_until: Mapped[date | None]
    attributes: Mapped[dict[str, Any]] = mapped_column(JSONB, server_default=text("'{}'::jsonb"))


class EntityMerge(Identified, Owned, Table):
    """Somebody's word that ``merged_id`` is the same as ``kept_id``; until ``undone_at``, if that is set."""

    __tablename__ = "entity_merges"
    __table_args__ = (Index("ix_entity_merges_organisation_id_created_at", "organisation_id", "created_at", "id"),)

    kept_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("entities.id", ondelete="CASCADE"), index=True)
    merged_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("entities.id", ondelete="CASCADE"), index=True)
    reason: Mapped[str] = mapped_column(String(500), server_default="")
    undone_at: Mapped[datetime | None]
    undone_by: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"))
