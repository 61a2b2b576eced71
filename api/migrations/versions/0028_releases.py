"""Releases, their trials, what they answered in the shadow of others, and which release gave an answer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0028"
down_revision = "0027"

ROUTED = ("release_id", "canary_release_id", "shadow_release_id")


def upgrade() -> None:
    _releases()
    _trials()
    _shadows()
    _routes()
    for table in ("messages", "feedback"):
        op.add_column(table, sa.Column("release", sa.String(100), nullable=True))
    op.add_column("gate_verdicts", sa.Column("documents", postgresql.JSONB(), nullable=True))
    # Of a trial: all answers of a release since a moment.
    op.create_index("ix_messages_release", "messages", ["release", "created_at"], postgresql_where=sa.text("release IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_messages_release", "messages")
    op.drop_column("gate_verdicts", "documents")
    for table in ("messages", "feedback"):
        op.drop_column(table, "release")
    for column in ROUTED:
        op.drop_index(f"ix_adapter_routes_{column}", "adapter_routes")
    for column in (*ROUTED, "trial", "shadow_percent"):
        op.drop_column("adapter_routes", column)
    for name in ("release_shadows", "release_trials", "releases"):
        op.drop_table(name)


def _releases() -> None:
    name = "releases"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("approver_id", sa.Uuid(), nullable=True),
        sa.Column("base", sa.String(200), nullable=False),
        sa.Column("name", sa.String(63), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("description", sa.String(2000), server_default="", nullable=False),
        sa.Column("adapter_id", sa.Uuid(), nullable=True),
        sa.Column("prompt", postgresql.JSONB(), nullable=True),
        sa.Column("retrieval", postgresql.JSONB(), nullable=True),
        sa.Column("state", sa.String(20), nullable=False),
        sa.Column("override", sa.String(2000), nullable=True),
        _time("updated_at", required=True),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "owner_id", "users", "SET NULL"),
        _to(name, "approver_id", "users", "SET NULL"),
        _to(name, "adapter_id", "adapters", None),
        sa.UniqueConstraint("organisation_id", "base", "name", "version", name="uq_releases_organisation_id"),
    )
    _index(name, "owner_id", "approver_id", "base", "adapter_id")


def _trials() -> None:
    name = "release_trials"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("kind", sa.String(8), nullable=False),
        sa.Column("percent", sa.Float(), nullable=False),
        _time("ended_at"),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "release_id", "releases", "CASCADE"),
    )
    _index(name, "organisation_id")
    op.create_index("ix_release_trials_release_id_created_at", name, ["release_id", "created_at"])


def _shadows() -> None:
    name = "release_shadows"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("release_id", sa.Uuid(), nullable=False),
        sa.Column("subject_id", sa.Uuid(), nullable=False),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("messages", postgresql.JSONB(), nullable=False),
        sa.Column("live", sa.Text(), nullable=False),
        sa.Column("live_by", sa.String(300), nullable=False),
        sa.Column("live_ms", sa.Integer(), nullable=False),
        sa.Column("live_tokens", sa.Integer(), nullable=False),
        sa.Column("candidate", sa.Text(), nullable=True),
        sa.Column("candidate_ms", sa.Integer(), nullable=True),
        sa.Column("candidate_tokens", sa.Integer(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "release_id", "releases", "CASCADE"),
        _to(name, "subject_id", "users", "CASCADE"),
        _to(name, "conversation_id", "conversations", "CASCADE"),
    )
    _index(name, "organisation_id", "subject_id", "conversation_id")
    op.create_index("ix_release_shadows_release_id_created_at", name, ["release_id", "created_at", "id"])


def _routes() -> None:
    name = "adapter_routes"
    for column in ROUTED:
        op.add_column(name, sa.Column(column, sa.Uuid(), nullable=True))
        op.create_foreign_key(f"fk_{name}_{column}_releases", name, "releases", [column], ["id"], ondelete="SET NULL")
    op.add_column(name, sa.Column("trial", sa.String(8), nullable=True))
    op.add_column(name, sa.Column("shadow_percent", sa.Float(), server_default="0", nullable=False))
    _index(name, *ROUTED)


def _index(name: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{name}_{column}", name, [column])


def _identified(name: str) -> list[sa.Column[object] | sa.Constraint]:
    columns: list[sa.Column[object] | sa.Constraint] = [sa.Column("id", sa.Uuid(), nullable=False), _time("created_at", required=True)]
    return [*columns, sa.PrimaryKeyConstraint("id", name=f"pk_{name}")]


def _time(name: str, *, required: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now() if required else None, nullable=not required)


def _to(name: str, column: str, target: str, ondelete: str | None) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{name}_{column}_{target}", ondelete=ondelete)
