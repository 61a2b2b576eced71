"""What connectors brought in, and content that is kept for a while."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    op.create_table(
        "brought_items",
        sa.Column("collection_id", sa.Uuid(), nullable=False),
        sa.Column("source", sa.String(64), nullable=False),
        sa.Column("item", sa.String(64), nullable=False),
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.String(1024), nullable=False),
        sa.Column("mark", sa.Text(), nullable=True),
        _time("brought_at"),
        _to("brought_items", "collection_id", "collections"),
        _to("brought_items", "document_id", "documents"),
        sa.PrimaryKeyConstraint("collection_id", "source", "item", name="pk_brought_items"),
    )
    op.create_index("ix_brought_items_document_id", "brought_items", ["document_id"])
    op.create_table(
        "contents",
        sa.Column("id", sa.Uuid(), nullable=False),
        _time("created_at"),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(64), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("title", sa.String(300), nullable=False),
        sa.Column("media_type", sa.String(200), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.LargeBinary(), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("cautions", postgresql.JSONB(), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("reads", sa.Integer(), server_default="0", nullable=False),
        _time("read_at"),
        _to("contents", "organisation_id", "organisations"),
        _to("contents", "owner_id", "users"),
        sa.PrimaryKeyConstraint("id", name="pk_contents"),
    )
    op.create_index("ix_contents_organisation_id", "contents", ["organisation_id"])
    op.create_index("ix_contents_owner_id", "contents", ["owner_id"])
    op.create_index("ix_contents_expires_at", "contents", ["expires_at"])
    op.create_index("ix_contents_organisation_id_key_sha256", "contents", ["organisation_id", "key", "sha256"])


def downgrade() -> None:
    op.drop_table("contents")
    op.drop_table("brought_items")


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _to(table: str, column: str, other: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}", ondelete="CASCADE")
