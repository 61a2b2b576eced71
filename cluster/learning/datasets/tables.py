"""Datasets, their versions, which examples are in them, and whose examples may be in none any more."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from sqlalchemy import ForeignKey, Index, Integer, String, UniqueConstraint, func
from sqlalchemy.orm import Mapped, mapped_column

from cluster.stores.tables import Identified, Owned, Table


class Dataset(Identified, Owned, Table):
    """``recipe``: what versions are made of, as of recipe.py. ``version``: the number of the latest that was built, 0: none."""

    __tablename__ = "datasets"
    __table_args__ = (
        UniqueConstraint("organisation_id", "name", name="uq_datasets_organisation_id_name"),
        Index("ix_datasets_organisation_id_created_at", "organisation_id", "created_at", "id"),
    )

    name: Mapped[str] = mapped_column(String(200))
    description: Mapped[str] = mapped_column(String(2000), server_default="")
    task: Mapped[str] = mapped_column(String(64))
    shape: Mapped[str] = mapped_column(String(8))
    recipe: Mapped[dict[str, Any]]
    version: Mapped[int] = mapped_column(Integer, server_default="0")


class DatasetVersionRow(Identified, Owned, Table):
    """Never changed, but for ``erased_at``: since when it holds examples of somebody who was erased; and ``contains_erased``: how many."""

    __tablename__ = "dataset_versions"
    __table_args__ = (
        UniqueConstraint("dataset_id", "version", name="uq_dataset_versions_dataset_id_version"),
        UniqueConstraint("dataset_id", "sha256", name="uq_dataset_versions_dataset_id_sha256"),
    )

    dataset_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("datasets.id", ondelete="CASCADE"))
    job_id: Mapped[uuid.UUID | None] = mapped_column(ForeignKey("jobs.id", ondelete="SET NULL"), index=True)
    version: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    shape: Mapped[str] = mapped_column(String(8))
    train: Mapped[int] = mapped_column(Integer)
    held_out: Mapped[int] = mapped_column(Integer)
    datasheet: Mapped[dict[str, Any]]
    erased_at: Mapped[datetime | None]
    contains_erased: Mapped[int] = mapped_column(Integer, server_default="0")


class DatasetSource(Table):
    """An example that a version holds, or held as a duplicate of one that it holds. ``user_id``: whose words they are."""

    __tablename__ = "dataset_sources"
    __table_args__ = (
        Index("ix_dataset_sources_organisation_id_kind_source_id", "organisation_id", "kind", "source_id"),
        Index("ix_dataset_sources_organisation_id_user_id", "organisation_id", "user_id"),
    )

    version_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("dataset_versions.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"))
    user_id: Mapped[str | None] = mapped_column(String(64))
    erased_at: Mapped[datetime | None]


class DatasetErasure(Table):
    """What is in no version built from now on: the example ``source_id`` of ``kind``, or, for the kind ``user``, all of a person."""

    __tablename__ = "dataset_erasures"

    organisation_id: Mapped[uuid.UUID] = mapped_column(ForeignKey("organisations.id", ondelete="CASCADE"), primary_key=True)
    kind: Mapped[str] = mapped_column(String(16), primary_key=True)
    source_id: Mapped[str] = mapped_column(String(200), primary_key=True)
    erased_at: Mapped[datetime] = mapped_column(server_default=func.now())
