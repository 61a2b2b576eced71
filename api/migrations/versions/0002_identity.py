"""Teams, sign-ins, API keys, secrets, and an audit log that can only grow."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0002"
down_revision = "0001"

REFUSE = """
CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% can only grow', TG_TABLE_NAME USING ERRCODE = 'insufficient_privilege';
END $$
"""


def upgrade() -> None:
    op.add_column("users", sa.Column("issuer", sa.String(500), nullable=True))
    op.drop_constraint("uq_users_keycloak_id", "users")
    op.create_unique_constraint("uq_users_issuer", "users", ["issuer", "keycloak_id"])
    _teams()
    _refresh_tokens()
    _api_keys()
    _secrets()
    _audit()


def downgrade() -> None:
    for table in ("audit_events", "secret_versions", "secrets", "api_keys", "refresh_tokens", "team_members", "teams"):
        op.drop_table(table)
    op.execute("DROP FUNCTION refuse_change()")
    op.drop_constraint("uq_users_issuer", "users")
    op.drop_column("users", "issuer")
    op.create_unique_constraint("uq_users_keycloak_id", "users", ["keycloak_id"])


def _teams() -> None:
    op.create_table(
        "teams",
        *_identified(),
        _reference("teams", "organisation_id", "organisations"),
        sa.Column("name", sa.String(200), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_teams"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_teams_organisation_id"),
    )
    op.create_table(
        "team_members",
        _reference("team_members", "team_id", "teams"),
        _reference("team_members", "user_id", "users"),
        sa.PrimaryKeyConstraint("team_id", "user_id", name="pk_team_members"),
    )
    op.create_index("ix_team_members_user_id", "team_members", ["user_id"])


def _refresh_tokens() -> None:
    op.create_table(
        "refresh_tokens",
        *_identified(),
        sa.Column("family_id", sa.Uuid(), nullable=False),
        _reference("refresh_tokens", "user_id", "users"),
        _reference("refresh_tokens", "organisation_id", "organisations"),
        sa.Column("token_hash", sa.LargeBinary(), nullable=False),
        _time("expires_at", nullable=False),
        _time("used_at"),
        _time("revoked_at"),
        sa.PrimaryKeyConstraint("id", name="pk_refresh_tokens"),
        sa.UniqueConstraint("token_hash", name="uq_refresh_tokens_token_hash"),
    )
    op.create_index("ix_refresh_tokens_family_id", "refresh_tokens", ["family_id"])
    op.create_index("ix_refresh_tokens_user_id", "refresh_tokens", ["user_id"])


def _api_keys() -> None:
    op.create_table(
        "api_keys",
        *_identified(),
        _reference("api_keys", "organisation_id", "organisations"),
        _reference("api_keys", "owner_id", "users"),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("prefix", sa.String(16), nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("scopes", JSONB(), nullable=False),
        _time("expires_at"),
        _time("last_used_at"),
        _time("revoked_at"),
        _reference("api_keys", "replaced_by_id", "api_keys", ondelete="SET NULL", nullable=True),
        sa.PrimaryKeyConstraint("id", name="pk_api_keys"),
        sa.UniqueConstraint("key_hash", name="uq_api_keys_key_hash"),
    )
    op.create_index("ix_api_keys_organisation_id", "api_keys", ["organisation_id"])
    op.create_index("ix_api_keys_owner_id", "api_keys", ["owner_id"])


def _secrets() -> None:
    op.create_table(
        "secrets",
        *_identified(),
        _reference("secrets", "organisation_id", "organisations"),
        _reference("secrets", "owner_id", "users", ondelete="SET NULL", nullable=True),
        sa.Column("name", sa.String(100), nullable=False),
        sa.Column("description", sa.String(500), nullable=False),
        sa.Column("version", sa.Integer(), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_secrets"),
        sa.UniqueConstraint("organisation_id", "name", name="uq_secrets_organisation_id"),
    )
    op.create_index("ix_secrets_owner_id", "secrets", ["owner_id"])
    op.create_table(
        "secret_versions",
        _reference("secret_versions", "secret_id", "secrets"),
        sa.Column("version", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("key_version", sa.Integer(), nullable=False),
        sa.Column("sealed", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("secret_id", "version", name="pk_secret_versions"),
    )


def _audit() -> None:
    op.create_table(
        "audit_events",
        sa.Column("id", sa.BigInteger(), sa.Identity(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
        sa.Column("organisation_id", sa.Uuid(), nullable=True),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.String(100), nullable=False),
        sa.Column("target", sa.String(300), nullable=True),
        sa.Column("address", sa.String(64), nullable=True),
        sa.Column("request_id", sa.String(128), nullable=True),
        sa.Column("detail", JSONB(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_audit_events"),
    )
    op.create_index("ix_audit_events_organisation_id_id", "audit_events", ["organisation_id", "id"])
    op.execute(REFUSE)
    op.execute("CREATE TRIGGER audit_events_only_grow BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_events EXECUTE FUNCTION refuse_change()")


def _identified() -> list[sa.Column[Any]]:
    return [
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), server_default=sa.func.now(), nullable=False),
    ]


def _reference(table: str, column: str, to: str, *, ondelete: str = "CASCADE", nullable: bool = False) -> sa.Column[Any]:
    key = sa.ForeignKey(f"{to}.id", name=f"fk_{table}_{column}_{to}", ondelete=ondelete)
    return sa.Column(column, sa.Uuid(), key, nullable=nullable)


def _time(name: str, *, nullable: bool = True) -> sa.Column[Any]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)
