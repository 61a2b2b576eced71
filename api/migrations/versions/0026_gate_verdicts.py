"""What the gate found of adapters, from which answers, and what people decided about it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0026"
down_revision = "0025"


def upgrade() -> None:
    _verdicts()
    _answers()
    _decisions()


def downgrade() -> None:
    op.drop_table("gate_decisions")
    op.drop_table("gate_answers")
    op.drop_table("gate_verdicts")


def _verdicts() -> None:
    op.create_table(
        "gate_verdicts",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("candidate", sa.String(200), nullable=False),
        sa.Column("incumbent", sa.String(200), nullable=False),
        sa.Column("gate", postgresql.JSONB(), nullable=False),
        sa.Column("held_out", postgresql.JSONB(), nullable=False),
        sa.Column("inputs", postgresql.JSONB(), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.Column("verdict", postgresql.JSONB(), nullable=True),
        _to("gate_verdicts", "organisation_id", "organisations", "CASCADE"),
        _to("gate_verdicts", "owner_id", "users", "SET NULL"),
        _to("gate_verdicts", "job_id", "jobs", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_gate_verdicts"),
    )
    for column in ("owner_id", "job_id"):
        op.create_index(f"ix_gate_verdicts_{column}", "gate_verdicts", [column])
    op.create_index("ix_gate_verdicts_organisation_id_created_at", "gate_verdicts", ["organisation_id", "created_at", "id"])
    op.create_index("ix_gate_verdicts_candidate", "gate_verdicts", ["organisation_id", "candidate"])


def _answers() -> None:
    op.create_table(
        "gate_answers",
        sa.Column("verdict_id", sa.Uuid(), nullable=False),
        sa.Column("set_name", sa.String(64), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=True),
        sa.Column("messages", postgresql.JSONB(), nullable=False),
        sa.Column("expected", sa.Text(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=True),
        sa.Column("incumbent", sa.Text(), nullable=True),
        sa.Column("candidate_mark", sa.Float(), nullable=False),
        sa.Column("incumbent_mark", sa.Float(), nullable=False),
        sa.Column("candidate_error", sa.Text(), nullable=True),
        sa.Column("incumbent_error", sa.Text(), nullable=True),
        sa.Column("candidate_by", sa.String(200), nullable=True),
        sa.Column("incumbent_by", sa.String(200), nullable=True),
        _to("gate_answers", "verdict_id", "gate_verdicts", "CASCADE"),
        _to("gate_answers", "subject_id", "users", "CASCADE"),
        sa.PrimaryKeyConstraint("verdict_id", "set_name", "number", name="pk_gate_answers"),
    )
    op.create_index("ix_gate_answers_subject_id", "gate_answers", ["subject_id"])


def _decisions() -> None:
    op.create_table(
        "gate_decisions",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.text("now()"), nullable=False),
        sa.Column("verdict_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("decision", sa.String(16), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("overrides", sa.Boolean(), nullable=False),
        _to("gate_decisions", "verdict_id", "gate_verdicts", "CASCADE"),
        _to("gate_decisions", "user_id", "users", "SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_gate_decisions"),
    )
    op.create_index("ix_gate_decisions_user_id", "gate_decisions", ["user_id"])
    op.create_index("ix_gate_decisions_verdict_id_created_at", "gate_decisions", ["verdict_id", "created_at", "id"])


def _to(name: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{name}_{column}_{target}", ondelete=ondelete)
