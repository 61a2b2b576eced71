"""Verdicts, the answers they were found from, and what people decided about them."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Boolean, Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Table


class GateVerdict(Identified, Table):
    """Stays when whoever asked for it is gone: it is why an adapter is in service. ``gate``: the whole spec as it was when this was asked
    for; ``held_out``: where the task's items are; ``documents``: ids of the collections that they are answered from, if any. ``inputs``:
    SHA-256 of each set's file, by its name, known once it is read. ``outcome`` and ``verdict`` (a ``Verdict``) are there when all is asked;
    nothing changes them afterwards."""

    __tablename__ = "gate_verdicts"
    __table_args__ = (
        Index("ix_gate_verdicts_organisation_id_created_at", "organisation_id", "created_at", "id"),
        Index("ix_gate_verdicts_candidate", "organisation_id", "candidate"),
    )

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    candidate: Mapped[str] = mapped_column(String(200))
    incumbent: Mapped[str] = mapped_column(String(200))
    gate: Mapped[dict[str, Any]]
    held_out: Mapped[dict[str, Any]]
    documents: Mapped[list[str] | None] = mapped_column(JSONB(none_as_null=True))
    inputs: Mapped[dict[str, Any] | None]
    outcome: Mapped[str | None] = mapped_column(String(16))
    verdict: Mapped[dict[str, Any] | None]


class GateAnswer(Table):
    """What both said to one item, side by side. ``subject_id``: whose words the item holds; with them it goes. A model that could not be
    asked has an ``error`` in place of an answer, and the mark 0. ``by``: the model, and version of an adapter and of a release, that
    answered. ``source_kind``, ``source_id``: of which example it is a copy, and goes when that is taken back."""

    __tablename__ = "gate_answers"
    __table_args__ = (Index("ix_gate_answers_source_kind_source_id", "source_kind", "source_id"),)

    verdict_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gate_verdicts.id", ondelete="CASCADE"), primary_key=True)
    set_name: Mapped[str] = mapped_column(String(64), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    subject_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="CASCADE"), index=True)
    source_kind: Mapped[str | None] = mapped_column(String(16))
    source_id: Mapped[str | None] = mapped_column(String(200))
    messages: Mapped[list[dict[str, Any]]]
    expected: Mapped[str] = mapped_column(Text)
    candidate: Mapped[str | None] = mapped_column(Text)
    incumbent: Mapped[str | None] = mapped_column(Text)
    candidate_mark: Mapped[float] = mapped_column(Float)
    incumbent_mark: Mapped[float] = mapped_column(Float)
    candidate_error: Mapped[str | None] = mapped_column(Text)
    incumbent_error: Mapped[str | None] = mapped_column(Text)
    candidate_by: Mapped[str | None] = mapped_column(String(200))
    incumbent_by: Mapped[str | None] = mapped_column(String(200))


class GateDecision(Identified, Table):
    """What somebody decided about a verdict; the latest counts, and the verdict stays as it is. ``user_id``: None for somebody who was
    erased. ``overrides``: it is not what the verdict says."""

    __tablename__ = "gate_decisions"
    __table_args__ = (Index("ix_gate_decisions_verdict_id_created_at", "verdict_id", "created_at", "id"),)

    verdict_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("gate_verdicts.id", ondelete="CASCADE"))
    user_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    decision: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    overrides: Mapped[bool] = mapped_column(Boolean)
