"""How we sign in at an MCP server."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    op.add_column("mcp_servers", sa.Column("auth", postgresql.JSONB(), nullable=True))


def downgrade() -> None:
    op.drop_column("mcp_servers", "auth")
