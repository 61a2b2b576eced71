"""Documents are found by their words: who repeats whom was looked for through the whole collection."""

from __future__ import annotations

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    op.create_index("ix_documents_words", "documents", ["collection_id", "words_hash", "created_at", "id"])


def downgrade() -> None:
    op.drop_index("ix_documents_words", "documents")
