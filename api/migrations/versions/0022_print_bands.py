"""Bands of documents are put where they belong at once: new ones waited in a list that every search went through."""

from __future__ import annotations

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    op.execute("ALTER INDEX ix_document_prints_bands SET (fastupdate = off)")
    op.execute("SELECT gin_clean_pending_list('ix_document_prints_bands')")


def downgrade() -> None:
    op.execute("ALTER INDEX ix_document_prints_bands RESET (fastupdate)")
