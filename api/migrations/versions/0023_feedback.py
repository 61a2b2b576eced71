"""Feedback, its texts, consent, and which examples were erased."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0023"
down_revision = "0022"

# Whatever deletes a text (its owner, a conversation's end, the erasing of a person), its id is noted in the same transaction. What goes
# with a whole organisation needs no note.
NOTE = """
CREATE FUNCTION note_erased_feedback() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO erased_examples (organisation_id, source_kind, source_id)
    SELECT id, 'feedback', OLD.feedback_id::text FROM organisations WHERE id = OLD.organisation_id
    ON CONFLICT (organisation_id, source_kind, source_id) DO UPDATE SET reason = 'erased', erased_at = now();
    RETURN NULL;
END $$
"""


def upgrade() -> None:
    op.create_table(
        "feedback",
        _id("id"),
        _id("organisation_id"),
        _id("owner_id"),
        *(_now(name) for name in ("created_at", "updated_at")),
        *(sa.Column(name, sa.String(size), nullable=False) for name, size in (("target_kind", 16), ("target_id", 200), ("signal", 16))),
        sa.Column("other_id", sa.String(200), server_default="", nullable=False),
        sa.Column("value", sa.SmallInteger(), nullable=True),
        sa.Column("reasons", postgresql.JSONB(), server_default=sa.text("'[]'::jsonb"), nullable=False),
        *(sa.Column(name, sa.String(size), nullable=True) for name, size in (("model", 300), ("adapter", 200), ("prompt", 200))),
        sa.Column("prompt_version", sa.Integer(), nullable=True),
        sa.Column("task", sa.String(64), nullable=False),
        *_to("feedback", {"organisation_id": "organisations", "owner_id": "users"}),
        sa.PrimaryKeyConstraint("id", name="pk_feedback"),
        sa.UniqueConstraint(
            "organisation_id", "owner_id", "target_kind", "target_id", "signal", "other_id", name="uq_feedback_organisation_id"
        ),
    )
    _index("feedback", ["organisation_id"], ["owner_id"], ["organisation_id", "created_at", "id"])
    _texts()
    _consents()
    _erased()
    op.execute(NOTE)
    op.execute("CREATE TRIGGER feedback_texts_noted AFTER DELETE ON feedback_texts FOR EACH ROW EXECUTE FUNCTION note_erased_feedback()")


def downgrade() -> None:
    for table in ("erased_examples", "feedback_consents", "feedback_texts", "feedback"):
        op.drop_table(table)
    op.execute("DROP FUNCTION note_erased_feedback()")


def _texts() -> None:
    op.create_table(
        "feedback_texts",
        _id("feedback_id"),
        _id("organisation_id"),
        *(sa.Column(name, sa.Uuid(), nullable=True) for name in ("message_id", "subject_id")),
        sa.Column("shown", postgresql.JSONB(), nullable=False),
        sa.Column("answered", sa.Text(), nullable=False),
        *(sa.Column(name, sa.Boolean(), nullable=False) for name in ("is_whole", "is_finished")),
        *(sa.Column(name, sa.Text(), nullable=True) for name in ("correction", "rejected", "comment")),
        sa.Column("provenance", postgresql.JSONB(), nullable=False),
        *_to(
            "feedback_texts",
            {"feedback_id": "feedback", "organisation_id": "organisations", "message_id": "messages", "subject_id": "users"},
        ),
        sa.PrimaryKeyConstraint("feedback_id", name="pk_feedback_texts"),
    )
    _index("feedback_texts", ["organisation_id"], ["message_id"], ["subject_id"])


def _consents() -> None:
    op.create_table(
        "feedback_consents",
        _id("organisation_id"),
        _id("subject_id"),
        sa.Column("may_learn", sa.Boolean(), nullable=False),
        _now("updated_at"),
        *_to("feedback_consents", {"organisation_id": "organisations"}),
        sa.PrimaryKeyConstraint("organisation_id", "subject_id", name="pk_feedback_consents"),
    )


def _erased() -> None:
    op.create_table(
        "erased_examples",
        _id("organisation_id"),
        sa.Column("source_kind", sa.String(16), nullable=False),
        sa.Column("source_id", sa.String(200), nullable=False),
        sa.Column("reason", sa.String(16), server_default="erased", nullable=False),
        _now("erased_at"),
        *_to("erased_examples", {"organisation_id": "organisations"}),
        sa.PrimaryKeyConstraint("organisation_id", "source_kind", "source_id", name="pk_erased_examples"),
    )
    _index("erased_examples", ["organisation_id", "erased_at"])


def _id(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=False)


def _now(name: str) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False)


def _to(table: str, others: dict[str, str]) -> list[sa.ForeignKeyConstraint]:
    return [
        sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}", ondelete="CASCADE")
        for column, other in others.items()
    ]


def _index(table: str, *columns: Sequence[str]) -> None:
    """Named as the code names them: after the table and the columns, without an id that makes an order total."""
    for names in columns:
        op.create_index("_".join(["ix", table, *(name for name in names if name != "id")]), table, list(names))
