"""Files, batches of requests, and their answers."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    _files()
    _batches()
    op.create_table(
        "batch_answers",
        sa.Column("batch_id", sa.Uuid(), nullable=False),
        sa.Column("line", sa.Integer(), nullable=False),
        sa.Column("is_error", sa.Boolean(), nullable=False),
        sa.Column("content", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["batch_id"], ["batches.id"], name="fk_batch_answers_batch_id_batches", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("batch_id", "line", name="pk_batch_answers"),
    )


def downgrade() -> None:
    for name in ("batch_answers", "batches", "files"):
        op.drop_table(name)


def _time(name: str, *, required: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), server_default=sa.func.now() if required else None, nullable=not required)


def _ids(*names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, sa.Uuid(), nullable=False) for name in names]


def _owned(table: str) -> list[sa.Constraint]:
    return [
        sa.ForeignKeyConstraint(
            ["organisation_id"], ["organisations.id"], name=f"fk_{table}_organisation_id_organisations", ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["owner_id"], ["users.id"], name=f"fk_{table}_owner_id_users", ondelete="CASCADE"),
        sa.PrimaryKeyConstraint("id", name=f"pk_{table}"),
    ]


def _files() -> None:
    op.create_table(
        "files",
        *_ids("id", "organisation_id", "owner_id"),
        _time("created_at", required=True),
        sa.Column("purpose", sa.String(32), nullable=False),
        sa.Column("filename", sa.String(512), nullable=False),
        sa.Column("bytes", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        _time("expires_at"),
        *_owned("files"),
    )
    for name in ("organisation_id", "owner_id", "expires_at"):
        op.create_index(f"ix_files_{name}", "files", [name])
    op.create_index("ix_files_organisation_id_created_at", "files", ["organisation_id", "created_at", "id"])


def _batches() -> None:
    op.create_table(
        "batches",
        *_ids("id", "organisation_id", "owner_id"),
        _time("created_at", required=True),
        sa.Column("key_id", sa.Uuid(), nullable=True),
        sa.Column("job_id", sa.Uuid(), nullable=True),
        sa.Column("status", sa.String(16), server_default="validating", nullable=False),
        sa.Column("endpoint", sa.String(64), nullable=False),
        sa.Column("completion_window", sa.String(16), nullable=False),
        sa.Column("model", sa.String(200), nullable=True),
        *(sa.Column(name, postgresql.JSONB(), nullable=True) for name in ("labels", "errors", "usage")),
        sa.Column("input_file_id", sa.Uuid(), nullable=False),
        sa.Column("output_file_id", sa.Uuid(), nullable=True),
        sa.Column("error_file_id", sa.Uuid(), nullable=True),
        sa.Column("output_kept_s", sa.Integer(), nullable=True),
        *(sa.Column(name, sa.Integer(), server_default="0", nullable=False) for name in ("total", "completed", "failed")),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        *(_time(f"{name}_at") for name in ("in_progress", "finalizing", "cancelling", "ended")),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_batches_job_id_jobs", ondelete="SET NULL"),
        *_owned("batches"),
    )
    for name in ("organisation_id", "owner_id", "job_id", "input_file_id"):
        op.create_index(f"ix_batches_{name}", "batches", [name])
    op.create_index("ix_batches_organisation_id_created_at", "batches", ["organisation_id", "created_at", "id"])
    op.create_index("ix_batches_open", "batches", ["expires_at"], postgresql_where=sa.text("ended_at IS NULL"))
