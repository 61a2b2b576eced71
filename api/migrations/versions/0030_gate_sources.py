"""Which example each answer that the gate keeps is about, so that it goes when the example is taken back."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"


def upgrade() -> None:
    op.add_column("gate_answers", sa.Column("source_kind", sa.String(16), nullable=True))
    op.add_column("gate_answers", sa.Column("source_id", sa.String(200), nullable=True))
    op.create_index("ix_gate_answers_source_kind_source_id", "gate_answers", ["source_kind", "source_id"])


def downgrade() -> None:
    op.drop_index("ix_gate_answers_source_kind_source_id", "gate_answers")
    op.drop_column("gate_answers", "source_id")
    op.drop_column("gate_answers", "source_kind")
