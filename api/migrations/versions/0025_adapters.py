"""Adapters, and where requests of an organisation go."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0025"
down_revision = "0024"


def upgrade() -> None:
    op.create_table(
        "adapters",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("base", sa.String(200), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=False),
        sa.Column("targets", postgresql.JSONB(), nullable=False),
        sa.Column("lineage", postgresql.JSONB(), nullable=False),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("marked", sa.String(500), nullable=True),
        *_dated(),
        *_of("adapters", ("organisation_id", "organisations", "CASCADE")),
        *_of("adapters", ("owner_id", "users", "SET NULL"), ("approver_id", "users", "SET NULL")),
        sa.PrimaryKeyConstraint("id", name="pk_adapters"),
        sa.UniqueConstraint("organisation_id", "base", "name", "version", name="uq_adapters_organisation_id"),
    )
    op.create_table(
        "adapter_routes",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("base", sa.String(200), nullable=False),
        sa.Column("default_id", sa.Uuid(), nullable=True),
        sa.Column("canary_id", sa.Uuid(), nullable=True),
        sa.Column("percent", sa.Float(), server_default="0", nullable=False),
        sa.Column("history", postgresql.JSONB(), nullable=False),
        *_dated(),
        *_of("adapter_routes", ("organisation_id", "organisations", "CASCADE")),
        *_of("adapter_routes", ("default_id", "adapters", "SET NULL"), ("canary_id", "adapters", "SET NULL")),
        sa.PrimaryKeyConstraint("id", name="pk_adapter_routes"),
        sa.UniqueConstraint("organisation_id", "base", name="uq_adapter_routes_organisation_id"),
    )
    for table, columns in (("adapters", ("owner_id", "approver_id", "base")), ("adapter_routes", ("default_id", "canary_id", "base"))):
        for column in columns:
            op.create_index(f"ix_{table}_{column}", table, [column])


def downgrade() -> None:
    op.drop_table("adapter_routes")
    op.drop_table("adapters")


def _dated() -> tuple[sa.Column[object], ...]:
    return (
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    )


def _of(table: str, *references: tuple[str, str, str]) -> tuple[sa.ForeignKeyConstraint, ...]:
    """Columns that name a row of another table, and what happens when it goes."""
    return tuple(
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}", ondelete=end)
        for column, other, end in references
    )
