"""Optimisations: what was measured for them, and the changes they propose."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0029"
down_revision = "0028"


def upgrade() -> None:
    _optimisations()
    _samples()
    _changes()


def downgrade() -> None:
    op.drop_table("optimisation_changes")
    op.drop_table("optimisation_samples")
    op.drop_table("optimisations")


def _optimisations() -> None:
    op.create_table(
        "optimisations",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("asked", postgresql.JSONB(), nullable=False),
        sa.Column("notes", postgresql.JSONB(), nullable=False),
        _to("optimisations", "organisation_id", "organisations", "CASCADE"),
        _to("optimisations", "owner_id", "users", "SET NULL"),
        _to("optimisations", "job_id", "jobs", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_optimisations"),
    )
    for column in ("owner_id", "job_id"):
        op.create_index(f"ix_optimisations_{column}", "optimisations", [column])
    op.create_index("ix_optimisations_organisation_id_created_at", "optimisations", ["organisation_id", "created_at", "id"])


def _samples() -> None:
    op.create_table(
        "optimisation_samples",
        sa.Column("optimisation_id", sa.Uuid(), nullable=False),
        sa.Column("measurement", sa.String(240), nullable=False),
        sa.Column("round", sa.Integer(), nullable=False),
        sa.Column("setting", sa.String(64), nullable=False),
        sa.Column("value", sa.Float(), nullable=False),
        sa.Column("more", postgresql.JSONB(), nullable=False),
        _to("optimisation_samples", "optimisation_id", "optimisations", "CASCADE"),
        sa.PrimaryKeyConstraint("optimisation_id", "measurement", "round", "setting", name="pk_optimisation_samples"),
    )


def _changes() -> None:
    op.create_table(
        "optimisation_changes",
        sa.Column("optimisation_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("optimiser", sa.String(32), nullable=False),
        sa.Column("subject", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("how", sa.Text(), nullable=False),
        sa.Column("change", postgresql.JSONB(), nullable=True),
        sa.Column("evidence", postgresql.JSONB(), nullable=True),
        sa.Column("outcome", postgresql.JSONB(), nullable=True),
        sa.Column("applied_version", sa.Integer(), nullable=True),
        _to("optimisation_changes", "optimisation_id", "optimisations", "CASCADE"),
        sa.PrimaryKeyConstraint("optimisation_id", "number", name="pk_optimisation_changes"),
    )
    columns = ["optimisation_id", "optimiser", "subject"]
    op.create_index("ix_optimisation_changes_subject", "optimisation_changes", columns, unique=True)


def _to(name: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{name}_{column}_{target}", ondelete=ondelete)
