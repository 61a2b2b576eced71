"""By what documents are found to be nearly the same as older ones."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    document = sa.ForeignKey("documents.id", name="fk_document_prints_document_id_documents", ondelete="CASCADE")
    op.create_table(
        "document_prints",
        sa.Column("document_id", sa.Uuid(), document, nullable=False),
        sa.Column("signature", sa.LargeBinary(), nullable=False),
        sa.Column("bands", postgresql.ARRAY(sa.BigInteger()), nullable=False),
        sa.Column("is_compared", sa.Boolean(), server_default=sa.false(), nullable=False),
        sa.PrimaryKeyConstraint("document_id", name="pk_document_prints"),
    )
    op.create_index("ix_document_prints_bands", "document_prints", ["bands"], postgresql_using="gin")
    op.create_index("ix_document_prints_waiting", "document_prints", ["document_id"], postgresql_where=sa.text("NOT is_compared"))
    op.create_index("ix_documents_duplicate_of", "documents", ["duplicate_of"], postgresql_where=sa.text("duplicate_of IS NOT NULL"))


def downgrade() -> None:
    op.drop_index("ix_documents_duplicate_of", "documents")
    op.drop_table("document_prints")
