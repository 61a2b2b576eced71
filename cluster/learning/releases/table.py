"""Releases, when each was tried, and what it answered in the shadow of others."""

from __future__ import annotations

import uuid
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, Integer, String, Text, UniqueConstraint, func
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cluster.learning.adapters.names import versioned
from cluster.stores.tables import Identified, Table


class ReleaseState(StrEnum):
    """``draft``: not judged yet. ``passed``, ``refused``: by the gate. ``in_service``: answers for its base. ``retired``: is not asked any
    more. Whether it is tried now stands in the route of its base (see cluster/learning/adapters/table.py)."""

    DRAFT = "draft"
    PASSED = "passed"
    REFUSED = "refused"
    IN_SERVICE = "in_service"
    RETIRED = "retired"


# Those that may be asked.
SERVABLE = (ReleaseState.DRAFT, ReleaseState.PASSED, ReleaseState.IN_SERVICE)
JUDGED = (ReleaseState.DRAFT, ReleaseState.PASSED, ReleaseState.REFUSED)


class Trial(StrEnum):
    """How a release is tried: unseen, on a share of those who ask, or so that its outcomes are compared."""

    SHADOW = "shadow"
    CANARY = "canary"
    AB = "ab"


class Release(Identified, Table):
    """One version of a release; what it is made of is never changed. ``prompt``: name, version and text. ``retrieval``: a RetrievalSpec.
    ``override``: why an admin let it to people without the gate, the latest reason."""

    __tablename__ = "releases"
    __table_args__ = (UniqueConstraint("organisation_id", "base", "name", "version", name="uq_releases_organisation_id"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    approver_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    base: Mapped[str] = mapped_column(String(200), index=True)
    name: Mapped[str] = mapped_column(String(63))
    version: Mapped[int]
    description: Mapped[str] = mapped_column(String(2000), server_default="")
    # Without ON DELETE: half of a release is none.
    adapter_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("adapters.id"), index=True)
    prompt: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    retrieval: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    state: Mapped[str] = mapped_column(String(20))
    override: Mapped[str | None] = mapped_column(String(2000))
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())

    @property
    def label(self) -> str:
        return versioned(self.name, self.version)


class ReleaseTrial(Identified, Table):
    """A time in which a release was tried, from ``created_at`` on. ``percent``: of those who ask, or, of a shadow, of requests. A change of
    the share is a new trial: what was assigned otherwise is not compared."""

    __tablename__ = "release_trials"
    __table_args__ = (Index("ix_release_trials_release_id_created_at", "release_id", "created_at"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), index=True)
    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("releases.id", ondelete="CASCADE"))
    kind: Mapped[str] = mapped_column(String(8))
    percent: Mapped[float] = mapped_column(Float)
    ended_at: Mapped[datetime | None]


class ReleaseShadow(Identified, Table):
    """One live request, what was answered, and what the release said to it. ``subject_id``: who asked; with them, and with the
    conversation, it goes. Times in milliseconds. ``error``: why the release said nothing."""

    __tablename__ = "release_shadows"
    __table_args__ = (Index("ix_release_shadows_release_id_created_at", "release_id", "created_at", "id"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), index=True)
    release_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("releases.id", ondelete="CASCADE"))
    subject_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    conversation_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("conversations.id", ondelete="CASCADE"), index=True)
    messages: Mapped[list[dict[str, Any]]]
    live: Mapped[str] = mapped_column(Text)
    live_by: Mapped[str] = mapped_column(String(300))
    live_ms: Mapped[int] = mapped_column(Integer)
    live_tokens: Mapped[int] = mapped_column(Integer)
    candidate: Mapped[str | None] = mapped_column(Text)
    candidate_ms: Mapped[int | None] = mapped_column(Integer)
    candidate_tokens: Mapped[int | None] = mapped_column(Integer)
    error: Mapped[str | None] = mapped_column(Text)
