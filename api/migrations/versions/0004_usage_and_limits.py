"""What was used, by day, and limits that differ from those of the settings."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

COUNTS = ("requests", "input_tokens", "output_tokens", "cached_tokens", "estimated", "audio_ms", "images")


def upgrade() -> None:
    _usage()
    _limits()


def downgrade() -> None:
    for table in ("limit_overrides", "usage_batches", "usage_days"):
        op.drop_table(table)


def _usage() -> None:
    op.create_table(
        "usage_days",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("day", sa.Date(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("model", sa.String(300), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in COUNTS),
        sa.Column("cost", sa.Numeric(20, 9), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_days"),
        sa.UniqueConstraint(
            "organisation_id",
            "day",
            "user_id",
            "key_id",
            "model",
            name="uq_usage_days_organisation_id",
            postgresql_nulls_not_distinct=True,
        ),
    )
    op.create_index("ix_usage_days_organisation_id_user_id", "usage_days", ["organisation_id", "user_id", "day"])
    op.create_table(
        "usage_batches",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("added_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_usage_batches"),
    )
    op.create_index("ix_usage_batches_added_at", "usage_batches", ["added_at"])


def _limits() -> None:
    op.create_table(
        "limit_overrides",
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("requests_per_minute", sa.Integer(), nullable=True),
        sa.Column("tokens_per_day", sa.BigInteger(), nullable=True),
        sa.Column("concurrent", sa.Integer(), nullable=True),
        sa.Column("budget_per_month", sa.Numeric(20, 9), nullable=True),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name="fk_limit_overrides_organisation_id_organisations", ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("organisation_id", "kind", "subject_id", name="pk_limit_overrides"),
    )
