"""The journal of requests that went out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "outgoing_requests",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("request_id", sa.String(128), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("purpose", sa.String(64), nullable=False),
        sa.Column("method", sa.String(16), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("host", sa.String(253), nullable=False),
        sa.Column("sent_bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("final_url", sa.Text(), nullable=True),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.String(200), nullable=True),
        sa.Column("found_type", sa.String(200), nullable=True),
        sa.Column("bytes", sa.BigInteger(), nullable=True),
        sa.Column("ms", sa.Integer(), nullable=True),
        sa.Column("hops", postgresql.JSONB(), server_default="[]", nullable=False),
        sa.Column("error", sa.String(64), nullable=True),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name="fk_outgoing_requests_organisation_id_organisations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_outgoing_requests_user_id_users", ondelete="SET NULL"),
        sa.PrimaryKeyConstraint("id", name="pk_outgoing_requests"),
    )
    op.create_index("ix_outgoing_requests_user_id", "outgoing_requests", ["user_id"])
    op.create_index("ix_outgoing_requests_created_at", "outgoing_requests", ["created_at"])
    op.create_index("ix_outgoing_requests_organisation_id_created_at", "outgoing_requests", ["organisation_id", "created_at", "id"])


def downgrade() -> None:
    op.drop_table("outgoing_requests")
