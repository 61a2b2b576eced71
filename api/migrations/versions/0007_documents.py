"""Collections, documents, and their texts."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    _collections()
    _documents()
    op.create_table(
        "document_texts",
        sa.Column("document_id", sa.Uuid(), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("text", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["document_id"], ["documents.id"], name="fk_document_texts_document_id_documents", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("document_id", name="pk_document_texts"),
    )


def downgrade() -> None:
    for name in ("document_texts", "documents", "collections"):
        op.drop_table(name)


def _time(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _owned(table: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=f"fk_{table}_organisation_id_organisations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=f"fk_{table}_owner_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    ]


def _ids(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _collections() -> None:
    op.create_table(
        "collections",
        *_ids("id", "organisation_id", "owner_id"),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("description", sa.Text(), server_default="", nullable=False),
        sa.Column("embedding_model", sa.String(200), nullable=False),
        sa.Column("chunking", postgresql.JSONB(), nullable=False),
        sa.Column("space", postgresql.JSONB(), nullable=True),
        sa.Column("retrieval", sa.String(100), server_default="default", nullable=False),
        sa.Column("is_removing", sa.Boolean(), server_default=sa.text("false"), nullable=False),
        _time("created_at"),
        _time("updated_at"),
        *_owned("collections"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_collections_organisation_id_name"),
    )
    for name in ("organisation_id", "owner_id"):
        op.create_index(f"ix_collections_{name}", "collections", [name])


def _documents() -> None:
    op.create_table(
        "documents",
        *_ids("id", "organisation_id", "owner_id", "collection_id"),
        sa.Column("root_id", sa.Uuid(), nullable=True),
        sa.Column("path", sa.String(1024), nullable=False),
        sa.Column("state", sa.String(16), server_default="pending", nullable=False),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("version", sa.Integer(), server_default="1", nullable=False),
        sa.Column("seen", sa.Integer(), server_default="1", nullable=False),
        sa.Column("file_id", sa.Uuid(), nullable=True),
        sa.Column("bytes", sa.BigInteger(), server_default="0", nullable=False),
        sa.Column("content_hash", sa.String(64), nullable=False),
        sa.Column("indexed_hash", sa.String(64), nullable=True),
        sa.Column("indexed_version", sa.Integer(), nullable=True),
        sa.Column("media_type", sa.String(200), nullable=True),
        sa.Column("chunks", sa.Integer(), server_default="0", nullable=False),
        sa.Column("chars", sa.Integer(), server_default="0", nullable=False),
        sa.Column("pages", sa.Integer(), nullable=True),
        sa.Column("words_hash", sa.String(64), nullable=True),
        sa.Column("duplicate_of", sa.Uuid(), nullable=True),
        sa.Column("similarity", sa.Float(), nullable=True),
        _time("created_at"),
        _time("updated_at"),
        sa.ForeignKeyConstraint(["collection_id"], ["collections.id"], name="fk_documents_collection_id_collections", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["root_id"], ["documents.id"], name="fk_documents_root_id_documents", ondelete="CASCADE"),
        sa.ForeignKeyConstraint(["duplicate_of"], ["documents.id"], name="fk_documents_duplicate_of_documents", ondelete="SET NULL"),
        *_owned("documents"),
    )
    for name in ("organisation_id", "owner_id", "root_id"):
        op.create_index(f"ix_documents_{name}", "documents", [name])
    op.create_index("ix_documents_collection_id_created_at", "documents", ["collection_id", "created_at", "id"])
    op.create_index(
        "uq_documents_collection_id_path",
        "documents",
        ["collection_id", "path"],
        unique=True,
        postgresql_where=sa.text("root_id IS NULL"),
    )
    op.create_index("ix_documents_waiting", "documents", ["collection_id", "created_at"], postgresql_where=sa.text("state = 'pending'"))
    op.create_index("ix_documents_removing", "documents", ["id"], postgresql_where=sa.text("state = 'removing'"))
