"""The labelling queue: campaigns, items, and who is given which."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0027"
down_revision = "0026"


def upgrade() -> None:
    _campaigns()
    _items()
    _assignments()


def downgrade() -> None:
    for name in ("label_assignments", "label_items", "label_campaigns"):
        op.drop_table(name)


def _campaigns() -> None:
    name = "label_campaigns"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("owner_id", sa.Uuid(), nullable=True),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("task", sa.String(64), nullable=False),
        sa.Column("instructions", sa.Text(), server_default="", nullable=False),
        sa.Column("kind", sa.String(16), nullable=False),
        _json("labels", "[]"),
        _json("form"),
        sa.Column("labels_per_item", sa.SmallInteger(), server_default="1", nullable=False),
        sa.Column("lease_s", sa.Integer(), nullable=False),
        sa.Column("state", sa.String(16), server_default="open", nullable=False),
        _time("updated_at", required=True),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "owner_id", "users", "SET NULL"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_label_campaigns_organisation_id_name"),
    )
    _index(name, "organisation_id", "owner_id")


def _items() -> None:
    name = "label_items"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("source_kind", sa.String(16), nullable=False),
        sa.Column("source_id", sa.String(200), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("messages", postgresql.JSONB(), nullable=False),
        sa.Column("answer", sa.Text(), nullable=True),
        sa.Column("score", sa.Float(), server_default="0", nullable=False),
        _json("parts", "{}"),
        sa.Column("reason", sa.Text(), server_default="", nullable=False),
        sa.Column("state", sa.String(16), server_default="open", nullable=False),
        _json("final"),
        sa.Column("final_by", sa.Uuid(), nullable=True),
        _time("decided_at"),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "campaign_id", "label_campaigns", "CASCADE"),
        _to(name, "user_id", "users", "CASCADE"),
        _to(name, "final_by", "users", "SET NULL"),
        sa.UniqueConstraint("campaign_id", "source_kind", "source_id", name="uq_label_items_campaign_id_source"),
    )
    _index(name, "organisation_id", "user_id", "final_by")
    waiting = sa.text("state = 'open'")
    op.create_index("ix_label_items_open", name, ["campaign_id", sa.text("score DESC"), "created_at", "id"], postgresql_where=waiting)
    op.create_index("ix_label_items_campaign_id_created_at", name, ["campaign_id", "created_at", "id"])
    decided = sa.text("final IS NOT NULL")
    op.create_index("ix_label_items_decided", name, ["organisation_id", "decided_at"], postgresql_where=decided)


def _assignments() -> None:
    name = "label_assignments"
    op.create_table(
        name,
        *_identified(name),
        sa.Column("organisation_id", sa.Uuid(), nullable=False),
        sa.Column("campaign_id", sa.Uuid(), nullable=False),
        sa.Column("item_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=True),
        sa.Column("annotator", sa.String(200), nullable=False),
        sa.Column("state", sa.String(16), nullable=False),
        _time("given_at", required=True),
        _time("lease_until"),
        _json("value"),
        sa.Column("remark", sa.Text(), server_default="", nullable=False),
        _time("submitted_at"),
        sa.Column("seconds", sa.Float(), nullable=True),
        _to(name, "organisation_id", "organisations", "CASCADE"),
        _to(name, "campaign_id", "label_campaigns", "CASCADE"),
        _to(name, "item_id", "label_items", "CASCADE"),
        _to(name, "user_id", "users", "CASCADE"),
        sa.UniqueConstraint("item_id", "annotator", name="uq_label_assignments_item_id_annotator"),
    )
    _index(name, "organisation_id", "user_id")
    op.create_index("ix_label_assignments_campaign_id_user_id", name, ["campaign_id", "user_id", "state"])


def _index(name: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{name}_{column}", name, [column])


def _json(name: str, empty: str | None = None) -> sa.Column[object]:
    default = None if empty is None else sa.text(f"'{empty}'::jsonb")
    return sa.Column(name, postgresql.JSONB(), server_default=default, nullable=empty is None)


def _identified(name: str) -> list[sa.Column[object] | sa.Constraint]:
    columns: list[sa.Column[object] | sa.Constraint] = [sa.Column("id", sa.Uuid(), nullable=False), _time("created_at", required=True)]
    return [*columns, sa.PrimaryKeyConstraint("id", name=f"pk_{name}")]


def _time(name: str, *, required: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now() if required else None, nullable=not required)


def _to(name: str, column: str, target: str, ondelete: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{target}.id"], name=f"fk_{name}_{column}_{target}", ondelete=ondelete)
