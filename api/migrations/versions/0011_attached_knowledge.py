"""Documents that a conversation's answers are written from."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    op.add_column("conversations", sa.Column("knowledge", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("conversations", "knowledge")
