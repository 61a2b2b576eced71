"""The latest conversations of an organisation, and the latest lines of log, are found by walking back in time."""

from __future__ import annotations

from alembic import op

revision = "0013"
down_revision = "0012"

_CONVERSATIONS, _EVENTS = "ix_conversations_organisation_id_updated_at_id", "ix_job_events_created_at_job_id_number"


def upgrade() -> None:
    op.create_index(_CONVERSATIONS, "conversations", ["organisation_id", "updated_at", "id"])
    op.create_index(_EVENTS, "job_events", ["created_at", "job_id", "number"])


def downgrade() -> None:
    op.drop_index(_EVENTS, "job_events")
    op.drop_index(_CONVERSATIONS, "conversations")
