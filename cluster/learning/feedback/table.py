"""Feedback, its texts, who agreed that it is learned from, and which examples are no more.

Two tables, because they end at different times: what was counted stays when a conversation is deleted, what was said goes with it.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, SmallInteger, String, Text, UniqueConstraint, func, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Owned, Table


class Feedback(Identified, Owned, Table):
    """One word of one person about one thing; said again, it replaces what they said. ``target_kind`` and ``signal``: see signals.py.
    ``other_id``: of a preference, what was less liked; else empty. ``value``: of a thumb and of stars. ``model``, ``adapter``, ``release``,
    ``prompt`` with its ``prompt_version`` (of a run: its graph) and ``task``: what gave the answer, as it was when this was written."""

    __tablename__ = "feedback"
    __table_args__ = (
        UniqueConstraint(
            "organisation_id", "owner_id", "target_kind", "target_id", "signal", "other_id", name="uq_feedback_organisation_id"
        ),
        Index("ix_feedback_organisation_id_created_at", "organisation_id", "created_at", "id"),
    )

    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())
    target_kind: Mapped[str] = mapped_column(String(16))
    target_id: Mapped[str] = mapped_column(String(200))
    signal: Mapped[str] = mapped_column(String(16))
    other_id: Mapped[str] = mapped_column(String(200), server_default="")
    value: Mapped[int | None] = mapped_column(SmallInteger)
    reasons: Mapped[list[str]] = mapped_column(JSONB, server_default=text("'[]'::jsonb"))
    model: Mapped[str | None] = mapped_column(String(300))
    adapter: Mapped[str | None] = mapped_column(String(200))
    release: Mapped[str | None] = mapped_column(String(100))
    prompt: Mapped[str | None] = mapped_column(String(200))
    prompt_version: Mapped[int | None] = mapped_column(Integer)
    task: Mapped[str] = mapped_column(String(64))


class FeedbackText(Table):
    """What was shown and answered, and what was said of it; only of what somebody said themselves. Goes with the feedback, with the
    message (``message_id``) and with the person in whose conversation or run it was (``subject_id``); the database then writes its id into
    ``erased_examples``, whatever deleted it. ``shown``: messages in OpenAI's shape, up to and without the answer; ``is_whole``: all that
    the model was shown, pictures included. ``is_finished``: the answer reached its end. ``rejected``: the answer that was less liked."""

    __tablename__ = "feedback_texts"

    feedback_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("feedback.id", ondelete="CASCADE"), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), index=True)
    message_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("messages.id", ondelete="CASCADE"), index=True)
    subject_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    shown: Mapped[list[dict[str, Any]]]
    answered: Mapped[str] = mapped_column(Text)
    is_whole: Mapped[bool]
    is_finished: Mapped[bool]
    correction: Mapped[str | None] = mapped_column(Text)
    rejected: Mapped[str | None] = mapped_column(Text)
    comment: Mapped[str | None] = mapped_column(Text)
    provenance: Mapped[dict[str, Any]]


class FeedbackConsent(Table):
    """Whether feedback may be learned from: of the organisation (``subject_id`` is its id; no row: it may not) and of one of its people (no
    row: as the organisation says). No foreign key to a person: ids are never used twice, so what outlives somebody holds for nobody."""

    __tablename__ = "feedback_consents"

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True)
    subject_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    may_learn: Mapped[bool]
    updated_at: Mapped[datetime] = mapped_column(server_default=func.now())


class ErasedExample(Table):
    """An example that may be in no dataset any more, and what used it is to be marked: its words are gone, or (``reason`` is `consent`)
    whoever gave it takes back that it may be learned from."""

    __tablename__ = "erased_examples"
    __table_args__ = (Index("ix_erased_examples_organisation_id_erased_at", "organisation_id", "erased_at"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True)
    source_kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    reason: Mapped[str] = mapped_column(String(16), server_default="erased")
    erased_at: Mapped[datetime] = mapped_column(server_default=func.now())
