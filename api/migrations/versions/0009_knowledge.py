"""Entities, relations and merges; knowledge items with versions, links and shares."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    _entities()
    _relations()
    _merges()
    _items()
    _versions()
    _links()
    _shares()


def downgrade() -> None:
    names = "knowledge_shares knowledge_links knowledge_versions knowledge_items knowledge_gone entity_merges relations entities"
    for name in names.split():
        op.drop_table(name)
    op.execute("DROP FUNCTION note_gone_item()")


def _id(name: str, *, required: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.Uuid(), nullable=not required)


def _time(name: str, *, required: bool = True) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now() if required else None, nullable=not required)


def _owner() -> list[sa.Column[object]]:
    return [_id("id"), _time("created_at"), _id("organisation_id"), _id("owner_id")]


def _to(table: str, column: str, other: str, gone: str = "CASCADE") -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint([column], [f"{other}.id"], name=f"fk_{table}_{column}_{other}", ondelete=gone)


def _owned(table: str) -> list[sa.Constraint]:
    return [
        _to(table, "organisation_id", "organisations"),
        _to(table, "owner_id", "users"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    ]


def _indexed(table: str, *columns: str) -> None:
    for column in columns:
        op.create_index(f"ix_{table}_{column}", table, [column])


def _entities() -> None:
    op.create_table(
        "entities",
        *_owner(),
        sa.Column("name", sa.String(500), nullable=False),
        sa.Column("name_key", sa.String(500), nullable=False),
        sa.Column("type", sa.String(100), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        _id("merged_into", required=False),
        *_owned("entities"),
        _to("entities", "merged_into", "entities", "SET NULL"),
        sa.UniqueConstraint("organisation_id", "type", "name_key", name="uq_entities_organisation_id_type_name_key"),
    )
    _indexed("entities", "organisation_id", "owner_id", "merged_into")
    op.create_index("ix_entities_organisation_id_created_at", "entities", ["organisation_id", "created_at", "id"])


def _relations() -> None:
    op.create_table(
        "relations",
        *_owner(),
        _id("subject_id"),
        sa.Column("predicate", sa.String(200), nullable=False),
        _id("object_id"),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.Column("quote", sa.Text(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("text_hash", sa.String(64), nullable=False),
        sa.Column("source", sa.String(500), nullable=True),
        sa.Column("held_from", sa.Date(), nullable=True),
        sa.Column("held_until", sa.Date(), nullable=True),
        sa.Column("attributes", postgresql.JSONB(), server_default=sa.text("'{}'::jsonb"), nullable=False),
        *_owned("relations"),
        _to("relations", "subject_id", "entities"),
        _to("relations", "object_id", "entities"),
        sa.UniqueConstraint(
            "organisation_id", "text_hash", "start", "subject_id", "predicate", "object_id", name="uq_relations_organisation_id_text_hash"
        ),
    )
    _indexed("relations", "organisation_id", "owner_id", "subject_id", "object_id")
    op.create_index("ix_relations_organisation_id_created_at", "relations", ["organisation_id", "created_at", "id"])


def _merges() -> None:
    op.create_table(
        "entity_merges",
        *_owner(),
        _id("kept_id"),
        _id("merged_id"),
        sa.Column("reason", sa.String(500), server_default="", nullable=False),
        _time("undone_at", required=False),
        _id("undone_by", required=False),
        *_owned("entity_merges"),
        _to("entity_merges", "kept_id", "entities"),
        _to("entity_merges", "merged_id", "entities"),
        _to("entity_merges", "undone_by", "users", "SET NULL"),
    )
    _indexed("entity_merges", "organisation_id", "owner_id", "kept_id", "merged_id")
    op.create_index("ix_entity_merges_organisation_id_created_at", "entity_merges", ["organisation_id", "created_at", "id"])


def _said() -> list[sa.Column[object]]:
    return [
        sa.Column("title", sa.String(500), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.Column("kind", sa.String(100), nullable=False),
        sa.Column("fields", postgresql.JSONB(), nullable=False),
        sa.Column("category", sa.String(100), nullable=True),
        sa.Column("tags", postgresql.JSONB(), nullable=False),
    ]


def _items() -> None:
    op.create_table(
        "knowledge_items",
        *_owner(),
        sa.Column("version", sa.Integer(), nullable=False),
        *_said(),
        sa.Column("audience", sa.String(8), nullable=False),
        sa.Column("proposal", postgresql.JSONB(), nullable=True),
        sa.Column("assessment", postgresql.JSONB(), nullable=True),
        sa.Column("verdict", sa.String(16), nullable=True),
        sa.Column("verdict_note", sa.String(2000), server_default="", nullable=False),
        sa.Column("checked_version", sa.Integer(), nullable=True),
        _id("checked_by", required=False),
        _time("checked_at", required=False),
        _time("updated_at"),
        sa.Column("revision", sa.Integer(), server_default="1", nullable=False),
        sa.Column("indexed_revision", sa.Integer(), server_default="0", nullable=False),
        sa.Column("indexed_model", sa.String(200), nullable=True),
        sa.Column("tries", sa.Integer(), server_default="0", nullable=False),
        _time("not_before"),
        sa.Column("index_error", sa.Text(), nullable=True),
        *_owned("knowledge_items"),
        _to("knowledge_items", "checked_by", "users", "SET NULL"),
        sa.CheckConstraint("audience IN ('none', 'viewer', 'editor')", name="audience"),
    )
    _indexed("knowledge_items", "organisation_id", "owner_id")
    op.create_index("ix_knowledge_items_organisation_id_updated_at", "knowledge_items", ["organisation_id", "updated_at", "id"])
    op.create_index("ix_knowledge_items_due", "knowledge_items", ["not_before"], postgresql_where=sa.text("indexed_revision < revision"))

    _gone()


def _gone() -> None:
    """Whatever deletes an item, the index has to follow."""
    op.create_table("knowledge_gone", _id("item_id"), _id("organisation_id"), sa.PrimaryKeyConstraint("item_id", name="pk_knowledge_gone"))
    op.execute(
        """
        CREATE FUNCTION note_gone_item() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN
            INSERT INTO knowledge_gone (item_id, organisation_id) VALUES (OLD.id, OLD.organisation_id) ON CONFLICT DO NOTHING;
            RETURN OLD;
        END $$
        """
    )
    op.execute("CREATE TRIGGER note_gone AFTER DELETE ON knowledge_items FOR EACH ROW EXECUTE FUNCTION note_gone_item()")


def _versions() -> None:
    op.create_table(
        "knowledge_versions",
        _id("item_id"),
        sa.Column("version", sa.Integer(), nullable=False),
        _time("created_at"),
        _id("author_id", required=False),
        sa.Column("note", sa.String(500), server_default="", nullable=False),
        *_said(),
        _to("knowledge_versions", "item_id", "knowledge_items"),
        _to("knowledge_versions", "author_id", "users", "SET NULL"),
        sa.PrimaryKeyConstraint("item_id", "version", name="pk_knowledge_versions"),
    )


def _links() -> None:
    op.create_table(
        "knowledge_links",
        *_owner(),
        _id("from_id"),
        _id("to_id"),
        sa.Column("kind", sa.String(100), nullable=False),
        *_owned("knowledge_links"),
        _to("knowledge_links", "from_id", "knowledge_items"),
        _to("knowledge_links", "to_id", "knowledge_items"),
        sa.UniqueConstraint("from_id", "to_id", "kind", name="uq_knowledge_links_from_id_to_id_kind"),
    )
    _indexed("knowledge_links", "organisation_id", "owner_id", "to_id")


def _shares() -> None:
    op.create_table(
        "knowledge_shares",
        _id("id"),
        _time("created_at"),
        _id("item_id"),
        _id("user_id", required=False),
        _id("team_id", required=False),
        sa.Column("role", sa.String(8), nullable=False),
        _to("knowledge_shares", "item_id", "knowledge_items"),
        _to("knowledge_shares", "user_id", "users"),
        _to("knowledge_shares", "team_id", "teams"),
        sa.PrimaryKeyConstraint("id", name="pk_knowledge_shares"),
        sa.UniqueConstraint("item_id", "user_id", name="uq_knowledge_shares_item_id_user_id"),
        sa.UniqueConstraint("item_id", "team_id", name="uq_knowledge_shares_item_id_team_id"),
        sa.CheckConstraint("num_nonnulls(user_id, team_id) = 1", name="one"),
        sa.CheckConstraint("role IN ('viewer', 'editor')", name="role"),
    )
    _indexed("knowledge_shares", "user_id", "team_id")
