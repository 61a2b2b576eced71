"""Datasets, their versions, the examples in them, and what was erased."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0021"


def upgrade() -> None:
    _datasets()
    _versions()
    _sources()
    _erasures()


def downgrade() -> None:
    for name in ("dataset_erasures", "dataset_sources", "dataset_versions", "datasets"):
        op.drop_table(name)


def _datasets() -> None:
    name = "datasets"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.String(2000), server_default="", nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("shape", sa.String(8), nullable=False),
        sa.Column("recipe", postgresql.JSONB(), nullable=False),
        sa.Column("version", sa.Integer(), server_default="0", nullable=False),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "owner_id", "users", "CASCADE"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_datasets_organisation_id_name"),
    )
    _indexed(name, "organisation_id", "owner_id")
    op.create_index("ix_datasets_organisation_id_created_at", name, ["organisation_id", "created_at", "id"])


def _versions() -> None:
    name = "dataset_versions"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("dataset_id", sa.Uuid(), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("shape", sa.String(8), nullable=False),
        sa.Column("train", sa.Integer(), nullable=False),
        sa.Column("held_out", sa.Integer(), nullable=False),
        sa.Column("datasheet", postgresql.JSONB(), nullable=False),
        _time("erased_at"),
        sa.Column("contains_erased", sa.Integer(), server_default="0", nullable=False),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "owner_id", "users", "CASCADE"),
        _to(name, "dataset_id", "datasets", "CASCADE"),
        _to(name, "job_id", "jobs", "SET NULL"),
        sa.UniqueConstraint("dataset_id", "version", name="uq_dataset_versions_dataset_id_version"),
        sa.UniqueConstraint("dataset_id", "sha256", name="uq_dataset_versions_dataset_id_sha256"),
    )
    _indexed(name, "organisation_id", "owner_id", "job_id")


def _sources() -> None:
    name = "dataset_sources"
    op.create_table(
        name,
        sa.Column("version_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("source_id", sa.String(200), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.String(64), nullable=True),
        _time("erased_at"),
        sa.PrimaryKeyConstraint("version_id", "kind", "source_id", name=f"pk_{name}"),
        _to(name, "version_id", "dataset_versions", "CASCADE"),
        _to(name, "organisation_id", "organisations", "CASCADE"),
    )
    op.create_index("ix_dataset_sources_organisation_id_kind_source_id", name, ["organisation_id", "kind", "source_id"])
    op.create_index("ix_dataset_sources_organisation_id_user_id", name, ["organisation_id", "user_id"])


def _erasures() -> None:
    name = "dataset_erasures"
    op.create_table(
        name,
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("source_id", sa.String(200), nullable=False),
        _time("erased_at", required=True),
        sa.PrimaryKeyConstraint("organisation_id", "kind", "source_id", name=f"pk_{name}"),
        _to(name, "organisation_id", "organisations", "CASCADE"),
    )


def _indexed(name: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{name}_{column}", name, [column])


def _identified(name: str) -> list[sa.Column[object] | sa.Constraint]:
    columns: list[sa.Column[object] | sa.Constraint] = [sa.Column("id", sa.Uuid(), nullable=False), _time("created_at", required=True)]
    return [*columns, sa.PrimaryKeyConstraint("id", name=f"pk_{name}")]


def _time(name: str, *, required: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now() if required else None, nullable=not required)


def _to(name: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{name}_{column}_{target}", ondelete=ondelete)
