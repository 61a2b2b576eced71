"""Threads of LangGraph clients, and runs that come after others."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    op.add_column("graph_runs", sa.Column("after_id", sa.Uuid(), nullable=True))
    op.create_foreign_key("fk_graph_runs_after_id_graph_runs", "graph_runs", "graph_runs", ["after_id"], ["id"], ondelete="SET NULL")
    op.create_index("ix_graph_runs_after_id", "graph_runs", ["after_id"])
    op.create_table(
        "graph_threads",
        *(sa.Column(name, sa.Uuid(), nullable=False) for name in ("organisation_id", "owner_id", "id")),
        *(_now(name) for name in ("created_at", "updated_at")),
        sa.Column("labels", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("edit", postgresql.JSONB(), nullable=True),
        _to("graph_threads", "organisation_id", "organisations"),
        _to("graph_threads", "owner_id", "users"),
        sa.PrimaryKeyConstraint("id", name="pk_graph_threads"),
    )
    op.create_index("ix_graph_threads_organisation_id_updated_at", "graph_threads", ["organisation_id", "updated_at"])
    op.create_index("ix_graph_threads_owner_id", "graph_threads", ["owner_id"])
    op.create_table(
        "graph_thread_runs",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("thread_id", sa.Uuid(), nullable=True),
        _now("created_at"),
        sa.Column("labels", postgresql.JSONB(), server_default="{}", nullable=False),
        sa.Column("strategy", sa.String(16), nullable=False),
        sa.Column("messages", postgresql.JSONB(), nullable=True),
        _to("graph_thread_runs", "run_id", "graph_runs"),
        _to("graph_thread_runs", "thread_id", "graph_threads"),
        sa.PrimaryKeyConstraint("run_id", name="pk_graph_thread_runs"),
    )
    op.create_index("ix_graph_thread_runs_thread_id_created_at", "graph_thread_runs", ["thread_id", "created_at"])


def downgrade() -> None:
    op.drop_table("graph_thread_runs")
    op.drop_table("graph_threads")
    op.drop_index("ix_graph_runs_after_id", "graph_runs")
    op.drop_constraint("fk_graph_runs_after_id_graph_runs", "graph_runs", type_="foreignkey")
    op.drop_column("graph_runs", "after_id")


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}", ondelete="CASCADE")
