"""Graphs, their runs, the steps of those and what happened; and the tables in which LangGraph keeps checkpoints (its migrations 0 to 9)."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0017"
down_revision = "0016"

OPEN = "state IN ('queued', 'running', 'waiting', 'paused')"
SAVER_VERSION = 9


def upgrade() -> None:
    _graphs()
    _versions()
    _runs()
    _steps()
    op.create_table(
        "graph_events",
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        _time("created_at", required=True),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("data", postgresql.JSONB(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["graph_runs.id"], name="fk_graph_events_run_id_graph_runs", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("run_id", "number", name="pk_graph_events"),
    )
    op.create_index("ix_graph_events_created_at", "graph_events", ["created_at"])
    _checkpoints()


def downgrade() -> None:
    for name in ("writes", "blobs", "migrations"):
        op.drop_table(f"checkpoint_{name}")
    op.drop_table("checkpoints")
    for name in ("graph_events", "graph_steps", "graph_runs", "graph_versions", "graphs"):
        op.drop_table(name)


def _time(name: str, *, required: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now() if required else None, nullable=not required)


def _json(name: str, *, nullable: bool = True) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), nullable=nullable)


def _count(name: str, kind: type[sa.types.TypeEngine[int]] = sa.Integer) -> sa.Column[object]:
    return sa.Column(name, kind(), server_default="0", nullable=False)


def _identified() -> tuple[sa.Column[object], ...]:
    return sa.Column("id", sa.Uuid(), nullable=False), _time("created_at", required=True)


def _owned(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    place = f"fk_{table}_organisation_id_organisations"
    return (
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.ForeignKeyConstraint(["organisation_id"], ["organisations.id"], name=place, ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=f"fk_{table}_owner_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    )


def _graphs() -> None:
    op.create_table(
        "graphs",
        *_identified(),
        *_owned("graphs"),
        sa.Column("name", sa.String(64), nullable=False),
        sa.Column("title", sa.String(200), server_default="", nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.String(16), server_default="workflow", nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        _time("updated_at", required=True),
        sa.UniqueConstraint("organisation_id", "name", name="uq_graphs_organisation_id"),
    )
    for name in ("organisation_id", "owner_id"):
        op.create_index(f"ix_graphs_{name}", "graphs", [name])


def _versions() -> None:
    op.create_table(
        "graph_versions",
        *_identified(),
        sa.Column("graph_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("source", sa.Text(), server_default="", nullable=False),
        _json("about"),
        sa.Column("note", sa.String(500), server_default="", nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=True),
        sa.ForeignKeyConstraint(["graph_id"], ["graphs.id"], name="fk_graph_versions_graph_id_graphs", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_graph_versions_author_id_users", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_graph_versions"),
    )
    op.create_index("ix_graph_versions_graph_id_version", "graph_versions", ["graph_id", "version"], unique=True)


def _runs() -> None:
    op.create_table(
        "graph_runs",
        *_identified(),
        *_owned("graph_runs"),
        sa.Column("graph", sa.String(64), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("spec", sa.JSON(), nullable=False),
        sa.Column("model", sa.String(200), nullable=True),
        sa.Column("task_type", sa.String(64), server_default="graph", nullable=False),
        sa.Column("role", sa.String(16), server_default="viewer", nullable=False),
        sa.Column("state", sa.String(16), server_default="queued", nullable=False),
        _count("priority", sa.SmallInteger),
        sa.Column("idempotency_key", sa.String(200), nullable=True),
        _json("input", nullable=False),
        _json("output"),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("failed_node", sa.String(400), nullable=True),
        _json("limits", nullable=False),
        sa.Column("parent_id", sa.Uuid(), nullable=True),
        _count("depth", sa.SmallInteger),
        sa.Column("thread", sa.Uuid(), nullable=False),
        sa.Column("from_checkpoint", sa.String(64), nullable=True),
        *(_count(name) for name in ("attempt", "tries", "changes", "step_count")),
        sa.Column("worker", sa.BigInteger(), nullable=True),
        *(_time(name, required=True) for name in ("queued_at", "not_before")),
        *(_time(f"{name}_at") for name in ("started", "finished", "cancel_requested", "pause_requested", "wake")),
        *(_json(name) for name in ("pending", "answers")),
        *(_count(name, sa.BigInteger) for name in ("prompt_tokens", "completion_tokens", "micros")),
        sa.Column("seconds", sa.Float(), server_default="0", nullable=False),
        sa.Column("traceparent", sa.String(64), nullable=True),
        sa.ForeignKeyConstraint(["parent_id"], ["graph_runs.id"], name="fk_graph_runs_parent_id_graph_runs", ondelete="SET NULL"),
        sa.UniqueConstraint("organisation_id", "idempotency_key", name="uq_graph_runs_organisation_id_idempotency_key"),
    )
    for name in ("organisation_id", "owner_id", "finished_at", "parent_id"):
        op.create_index(f"ix_graph_runs_{name}", "graph_runs", [name])
    op.create_index("ix_graph_runs_organisation_id_created_at", "graph_runs", ["organisation_id", "created_at", "id"])
    op.create_index("ix_graph_runs_open", "graph_runs", ["organisation_id"], postgresql_where=sa.text(OPEN))
    op.create_index("ix_graph_runs_queue", "graph_runs", ["priority", "queued_at"], postgresql_where=sa.text("state = 'queued'"))
    op.create_index("ix_graph_runs_running", "graph_runs", ["worker"], postgresql_where=sa.text("state = 'running'"))
    op.create_index("ix_graph_runs_waiting", "graph_runs", ["wake_at"], postgresql_where=sa.text("state = 'waiting'"))


def _steps() -> None:
    op.create_table(
        "graph_steps",
        *_identified(),
        sa.Column("run_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(400), nullable=False),
        sa.Column("node", sa.String(400), nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        sa.Column("state", sa.String(16), server_default="running", nullable=False),
        _count("attempts"),
        _time("started_at", required=True),
        _time("finished_at"),
        sa.Column("model", sa.String(200), nullable=True),
        *(_count(name, sa.BigInteger) for name in ("prompt_tokens", "completion_tokens", "micros")),
        *(_count(name, sa.BigInteger) for name in ("booked_prompt_tokens", "booked_completion_tokens")),
        sa.Column("begun", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _json("result"),
        sa.Column("error", sa.Text(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["graph_runs.id"], name="fk_graph_steps_run_id_graph_runs", ondelete="CASCADE"),
        sa.UniqueConstraint("run_id", "key", name="uq_graph_steps_run_id_key"),
        sa.PrimaryKeyConstraint("id", name="pk_graph_steps"),
    )
    unbooked = sa.text("prompt_tokens > booked_prompt_tokens OR completion_tokens > booked_completion_tokens")
    op.create_index("ix_graph_steps_unbooked", "graph_steps", ["run_id"], postgresql_where=unbooked)


def _text(name: str, *, nullable: bool = False, default: str | None = None) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), server_default=default, nullable=nullable)


def _checkpoints() -> None:
    """As the saver's own migrations leave them, so that they find nothing to do."""
    versions = op.create_table("checkpoint_migrations", sa.Column("v", sa.Integer(), primary_key=True, autoincrement=False))
    op.bulk_insert(versions, [{"v": number} for number in range(SAVER_VERSION + 1)])
    thread = "thread_id", "checkpoint_ns"
    op.create_table(
        "checkpoints",
        *(_text("thread_id"), _text("checkpoint_ns", default=""), _text("checkpoint_id")),
        *(_text("parent_checkpoint_id", nullable=True), _text("type", nullable=True)),
        _json("checkpoint", nullable=False),
        sa.Column("metadata", postgresql.JSONB(), server_default=sa.text("'{}'"), nullable=False),
        sa.PrimaryKeyConstraint(*thread, "checkpoint_id"),
    )
    op.create_table(
        "checkpoint_blobs",
        *(_text("thread_id"), _text("checkpoint_ns", default=""), _text("channel"), _text("version"), _text("type")),
        sa.Column("blob", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint(*thread, "channel", "version"),
    )
    op.create_table(
        "checkpoint_writes",
        *(_text("thread_id"), _text("checkpoint_ns", default=""), _text("checkpoint_id"), _text("task_id")),
        sa.Column("idx", sa.Integer(), autoincrement=False, nullable=False),
        *(_text("channel"), _text("type", nullable=True)),
        sa.Column("blob", sa.LargeBinary(), nullable=False),
        _text("task_path", default=""),
        sa.PrimaryKeyConstraint(*thread, "checkpoint_id", "task_id", "idx"),
    )
    for name in ("checkpoints", "checkpoint_blobs", "checkpoint_writes"):
        op.create_index(f"{name}_thread_id_idx", name, ["thread_id"])
