"""MCP servers, which tools are used where, how they are set, and what was called."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    _servers()
    _choices()
    op.create_table(
        "tool_options",
        _organisation(),
        sa.Column("tool", sa.String(200), nullable=False),
        _json("values"),
        _now("updated_at"),
        _to("tool_options", "organisation_id", "organisations", "CASCADE"),
        sa.PrimaryKeyConstraint("organisation_id", "tool", name="pk_tool_options"),
    )
    _calls()


def downgrade() -> None:
    for name in ("tool_calls", "tool_options", "tool_choices", "mcp_servers"):
        op.drop_table(name)


def _servers() -> None:
    op.create_table(
        "mcp_servers",
        _organisation(),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("description", sa.String(500), server_default="", nullable=False),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("command", sa.Text(), nullable=True),
        _json("arguments", "[]"),
        _json("headers", "{}"),
        _json("environment", "{}"),
        sa.Column("allow", postgresql.JSONB(), nullable=True),
        _json("deny", "[]"),
        sa.Column("timeout_s", sa.Float(), nullable=True),
        sa.Column("role", sa.String(16), server_default="editor", nullable=False),
        sa.Column("trusted", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("tools", postgresql.JSONB(), nullable=True),
        sa.Column("listed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=True),
        _now("updated_at"),
        *_identified("mcp_servers"),
        _to("mcp_servers", "organisation_id", "organisations", "CASCADE"),
        _to("mcp_servers", "owner_id", "users", "SET NULL"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_mcp_servers_organisation_id"),
    )
    op.create_index("ix_mcp_servers_owner_id", "mcp_servers", ["owner_id"])


def _choices() -> None:
    op.create_table(
        "tool_choices",
        _organisation(),
        sa.Column("scope", sa.String(64), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("conversation_id", sa.Uuid(), nullable=True),
        sa.Column("allow", postgresql.JSONB(), nullable=True),
        _json("deny", "[]"),
        _now("updated_at"),
        *_identified("tool_choices"),
        _to("tool_choices", "organisation_id", "organisations", "CASCADE"),
        _to("tool_choices", "user_id", "users", "CASCADE"),
        _to("tool_choices", "conversation_id", "conversations", "CASCADE"),
        sa.UniqueConstraint("organisation_id", "scope", name="uq_tool_choices_organisation_id"),
    )
    for column in ("user_id", "conversation_id"):
        op.create_index(f"ix_tool_choices_{column}", "tool_choices", [column])


def _calls() -> None:
    op.create_table(
        "tool_calls",
        _organisation(),
        *(sa.Column(name, sa.Uuid(), nullable=True) for name in ("user_id", "run_id", "conversation_id")),
        sa.Column("tool", sa.String(200), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("call_key", sa.String(500), nullable=False),
        sa.Column("workspace", sa.String(100), nullable=False),
        _json("arguments"),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("error", sa.String(64), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("outcome", sa.String(16), nullable=True),
        sa.Column("is_cut", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        sa.Column("ms", sa.Integer(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        *_identified("tool_calls"),
        _to("tool_calls", "organisation_id", "organisations", "CASCADE"),
        _to("tool_calls", "user_id", "users", "SET NULL"),
        _to("tool_calls", "run_id", "graph_runs", "CASCADE"),
        _to("tool_calls", "conversation_id", "conversations", "CASCADE"),
    )
    op.create_index("ix_tool_calls_organisation_id_created_at", "tool_calls", ["organisation_id", "created_at", "id"])
    op.create_index("ix_tool_calls_created_at", "tool_calls", ["created_at"])
    for column in ("user_id", "run_id", "conversation_id"):
        op.create_index(f"ix_tool_calls_{column}", "tool_calls", [column])


def _organisation() -> sa.Column[object]:
    return sa.Column("organisation_id", sa.Uuid(), nullable=False)


def _identified(table: str) -> tuple[sa.schema.SchemaItem, ...]:
    return sa.Column("id", sa.Uuid(), nullable=False), _now("created_at"), sa.PrimaryKeyConstraint("id", name=f"pk_{table}")


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _json(name: str, default: str | None = None) -> sa.Column[object]:
    return sa.Column(name, postgresql.JSONB(), server_default=default, nullable=False)


def _to(table: str, column: str, other: str, then: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}", ondelete=then)
