"""Messages of the queue, webhooks and hooks."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    _webhooks()
    _messages()
    _deliveries()
    _hooks()


def downgrade() -> None:
    for name in ("hooks", "webhook_deliveries", "queue_messages", "webhooks"):
        op.drop_table(name)


def _webhooks() -> None:
    op.create_table(
        "webhooks",
        *_identified("webhooks"),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("description", sa.String(500), server_default="", nullable=False),
        sa.Column("events", postgresql.JSONB(), nullable=False),
        sa.Column("enabled", sa.Boolean(), server_default=sa.text("true"), nullable=False),
        _time("disabled_at"),
        sa.Column("disabled_reason", sa.Text(), nullable=True),
        sa.Column("failures", sa.Integer(), server_default="0", nullable=False),
        _time("delivered_at"),
        _time("updated_at", required=True),
        _to("webhooks", "organisation_id", "organisations", "CASCADE"),
        _to("webhooks", "owner_id", "users", "SET NULL"),
    )
    for column in ("organisation_id", "owner_id"):
        op.create_index(f"ix_webhooks_{column}", "webhooks", [column])


def _messages() -> None:
    name = "queue_messages"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("role", sa.String(16), server_default="viewer", nullable=False),
        sa.Column("queue", sa.String(64), server_default="default", nullable=False),
        sa.Column("type", sa.String(32), nullable=False),
        sa.Column("payload", postgresql.JSONB(), nullable=False),
        sa.Column("idempotency_key", sa.String(200), nullable=True),
        sa.Column("webhook_id", sa.Uuid(), nullable=True),
        sa.Column("state", sa.String(16), server_default="queued", nullable=False),
        sa.Column("priority", sa.SmallInteger(), server_default="0", nullable=False),
        sa.Column("attempt", sa.Integer(), server_default="0", nullable=False),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        *(_time(f"{column}", required=True) for column in ("queued_at", "not_before", "due_at")),
        _time("started_at"),
        _time("finished_at"),
        sa.Column("worker", sa.BigInteger(), nullable=True),
        sa.Column("result", postgresql.JSONB(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("traceparent", sa.String(64), nullable=True),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "owner_id", "users", "SET NULL"),
        _to(name, "webhook_id", "webhooks", "CASCADE"),
        sa.UniqueConstraint("organisation_id", "queue", "idempotency_key", name="uq_queue_messages_organisation_id_queue_idempotency_key"),
    )
    for column in ("organisation_id", "owner_id", "webhook_id", "finished_at"):
        op.create_index(f"ix_queue_messages_{column}", name, [column])
    op.create_index("ix_queue_messages_organisation_id_created_at", name, ["organisation_id", "created_at", "id"])
    op.create_index("ix_queue_messages_queue", name, ["priority", "queued_at"], postgresql_where=sa.text("state = 'queued'"))
    op.create_index("ix_queue_messages_running", name, ["worker"], postgresql_where=sa.text("state = 'running'"))
    left = sa.text("state <> 'done'")
    op.create_index("ix_queue_messages_open", name, ["organisation_id", "queue"], postgresql_where=left)


def _deliveries() -> None:
    name = "webhook_deliveries"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("message_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(64), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("ms", sa.Integer(), server_default="0", nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "webhook_id", "webhooks", "CASCADE"),
    )
    op.create_index("ix_webhook_deliveries_organisation_id", name, ["organisation_id"])
    op.create_index("ix_webhook_deliveries_webhook_id_created_at", name, ["webhook_id", "created_at", "id"])
    op.create_index("ix_webhook_deliveries_created_at", name, ["created_at"])


def _hooks() -> None:
    op.create_table(
        "hooks",
        *_identified("hooks"),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("description", sa.String(500), server_default="", nullable=False),
        sa.Column("workflow", sa.String(100), nullable=False),
        sa.Column("role", sa.String(16), server_default="viewer", nullable=False),
        sa.Column("calls_per_minute", sa.Integer(), nullable=False),
        _time("called_at"),
        _to("hooks", "organisation_id", "organisations", "CASCADE"),
        _to("hooks", "owner_id", "users", "CASCADE"),
    )
    for column in ("organisation_id", "owner_id"):
        op.create_index(f"ix_hooks_{column}", "hooks", [column])


def _identified(name: str) -> list[sa.Column[object] | sa.Constraint]:
    columns: list[sa.Column[object] | sa.Constraint] = [sa.Column("id", sa.Uuid(), nullable=False), _time("created_at", required=True)]
    return [*columns, sa.PrimaryKeyConstraint("id", name=f"pk_{name}")]


def _time(name: str, *, required: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now() if required else None, nullable=not required)


def _to(name: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{name}_{column}_{target}", ondelete=ondelete)
