"""The latest conversations of an organisation are found by walking back in time."""

from __future__ import annotations

from alembic import op

revision = "0010"
down_revision = "0009"

_NAME = "ix_conversations_organisation_id_updated_at_id"


def upgrade() -> None:
    op.create_index(_NAME, "conversations", ["organisation_id", "updated_at", "id"])


def downgrade() -> None:
    op.drop_index(_NAME, "conversations")
