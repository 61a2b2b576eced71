"""Run by Alembic: connects, takes a lock so that two starts do not migrate at once, and runs the steps in one transaction."""

from __future__ import annotations

from alembic import context
from sqlalchemy import create_engine, pool, text

from api.tables import metadata

# Any number, the same for every Hearth: PostgreSQL's advisory lock of this database.
LOCK = 48_879


def run() -> None:
    engine = create_engine(context.config.attributes["url"], poolclass=pool.NullPool)
    with engine.begin() as connection:
        connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": LOCK})
        context.configure(connection=connection, target_metadata=metadata, compare_type=True, compare_server_default=True)
        context.run_migrations()
    engine.dispose()


run()
