"""What of a conversation goes to the model, who really answered, and what it cost."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0005"
down_revision = "0004"

_LIST, _OBJECT = sa.text("'[]'::jsonb"), sa.text("'{}'::jsonb")


def upgrade() -> None:
    # A summary belongs to the message up to which it goes, so that each branch has its own; those of conversations were never written.
    op.drop_column("conversations", "summary")
    op.drop_column("conversations", "summary_until_id")
    op.add_column("conversations", sa.Column("auto_compact", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("conversations", sa.Column("cached_tokens", sa.BigInteger(), server_default="0", nullable=False))
    op.add_column("conversations", sa.Column("usage_by_model", postgresql.JSONB(), server_default=_OBJECT, nullable=False))
    op.add_column("messages", sa.Column("summary", sa.Text(), nullable=True))
    op.add_column("messages", sa.Column("tool_call_id", sa.String(length=256), nullable=True))
    op.add_column("messages", sa.Column("served_by", sa.String(length=300), nullable=True))
    op.add_column("messages", sa.Column("fallbacks", postgresql.JSONB(), server_default=_LIST, nullable=False))
    op.add_column("messages", sa.Column("from_cache", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("generations", sa.Column("key_id", sa.Uuid(), nullable=True))
    # The latest messages with a word that is everywhere are found by walking back in time.
    op.create_index("ix_messages_created_at_id", "messages", ["created_at", "id"])
    # Answers on their way ask for nothing of what requests hold from now on.
    more = """{"tools": [], "tool_choice": null, "response_format": {"kind": "text", "schema": null}, "fallbacks": [], "scope": ""}"""
    op.execute(sa.text("UPDATE generations SET request = request || CAST(:more AS jsonb)").bindparams(more=more))


def downgrade() -> None:
    op.drop_index("ix_messages_created_at_id", "messages")
    op.drop_column("generations", "key_id")
    for name in ("from_cache", "fallbacks", "served_by", "tool_call_id", "summary"):
        op.drop_column("messages", name)
    for name in ("usage_by_model", "cached_tokens", "auto_compact"):
        op.drop_column("conversations", name)
    op.add_column("conversations", sa.Column("summary_until_id", sa.Uuid(), nullable=True))
    op.add_column("conversations", sa.Column("summary", sa.Text(), nullable=True))
