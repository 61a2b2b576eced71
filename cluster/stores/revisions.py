"""Which shapes of the database there are, and which one it has."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg

from cluster.settings import Settings
from cluster.stores.upstairs import run_module
from cluster.stores.urls import database_url


def known_revisions(settings: Settings) -> Sequence[str]:
    """Every revision that the code knows, newest first. Raises EngineError."""
    return run_module(settings, "api.migrations.revisions", otherwise="The migrations could not be read").split()


def current_revision(settings: Settings) -> str | None:
    """The last migration that the database has seen; None for an empty one."""
    url = database_url(settings).replace("+psycopg", "", 1)
    with psycopg.connect(url, connect_timeout=settings.storage.connect_timeout_s) as connection:
        return revision_of(connection)


def revision_of(connection: psycopg.Connection[tuple[object, ...]]) -> str | None:
    """The same, as ``connection`` sees it."""
    row = connection.execute("SELECT to_regclass('alembic_version') IS NOT NULL").fetchone()
    if row is None or not row[0]:
        return None
    found = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return None if found is None else str(found[0])
