"""Optimisations, what was measured for them, and the changes they propose."""

from __future__ import annotations

import uuid
from typing import Any

from sqlalchemy import Float, ForeignKey, Index, Integer, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Table


class Optimisation(Identified, Table):
    """``asked``: what was asked for (a ``Wanted``). ``job_id``: the latest job about it, which measures, applies or reverts. ``notes``:
    what was left out and why, in sentences."""

    __tablename__ = "optimisations"
    __table_args__ = (Index("ix_optimisations_organisation_id_created_at", "organisation_id", "created_at", "id"),)

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    owner_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("users.id", ondelete="SET NULL"), index=True)
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    asked: Mapped[dict[str, Any]]
    notes: Mapped[list[str]]


class OptimisationSample(Table):
    """One sample: ``value`` of ``setting`` in a round of ``measurement``, such as ``parallel hearth-nano``. ``more``: other figures of the
    same run."""

    __tablename__ = "optimisation_samples"

    optimisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("optimisations.id", ondelete="CASCADE"), primary_key=True)
    measurement: Mapped[str] = mapped_column(String(240), primary_key=True)
    round: Mapped[int] = mapped_column(Integer, primary_key=True)
    setting: Mapped[str] = mapped_column(String(64), primary_key=True)
    value: Mapped[float] = mapped_column(Float)
    more: Mapped[dict[str, Any]]


class OptimisationChange(Table):
    """``subject``: what it is about, once for each optimiser. ``change``, ``evidence``: see change.py; None: nothing to change was found.
    ``outcome``: what was measured once it was in force."""

    __tablename__ = "optimisation_changes"
    __table_args__ = (Index("ix_optimisation_changes_subject", "optimisation_id", "optimiser", "subject", unique=True),)

    optimisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("optimisations.id", ondelete="CASCADE"), primary_key=True)
    number: Mapped[int] = mapped_column(Integer, primary_key=True)
    optimiser: Mapped[str] = mapped_column(String(32))
    subject: Mapped[str] = mapped_column(String(200))
    state: Mapped[str] = mapped_column(String(16))
    reason: Mapped[str] = mapped_column(Text)
    how: Mapped[str] = mapped_column(Text)
    change: Mapped[dict[str, Any] | None]
    evidence: Mapped[dict[str, Any] | None]
    outcome: Mapped[dict[str, Any] | None]
    applied_version: Mapped[int | None] = mapped_column(Integer)
