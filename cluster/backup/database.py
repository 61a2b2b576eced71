"""The database's part of a backup: ``pg_dump`` of one snapshot, and ``pg_restore`` into an empty database.

Both programs come with the PostgreSQL that Hearth carries, and reach a server of the owner's as well (up to their own major version).
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

import psycopg
from psycopg import pq
from psycopg.conninfo import make_conninfo

from cluster.errors import Conflict, EngineError, Unavailable
from cluster.home import REPOSITORY
from cluster.settings import Settings
from cluster.stores.locks import SEALING
from cluster.stores.postgres import program
from cluster.stores.revisions import revision_of
from cluster.stores.urls import database_url

Connection = psycopg.Connection[tuple[object, ...]]

# Tables, views and sequences of people's, not of PostgreSQL's or an extension's.
_OWN = """
SELECT count(*) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE n.nspname NOT IN ('pg_catalog', 'information_schema') AND n.nspname NOT LIKE 'pg\\_%' AND c.relkind IN ('r', 'p', 'v', 'm', 'S')
AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.objid = c.oid AND d.deptype = 'e')
"""


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A moment of the database that others can look at while the connection that took it stays open."""

    id: str
    revision: str | None
    connection: Connection

    def let_go_of_keys(self) -> None:
        """From here on secrets may be sealed with other keys, and old keys forgotten."""
        self.connection.execute("SELECT pg_advisory_unlock_shared(%s)", (SEALING,))


@contextmanager
def snapshot(settings: Settings) -> Iterator[Snapshot]:
    """The database as of now. Until ``let_go_of_keys`` no key is forgotten: a copy of the key file made meanwhile opens every secret of it.

    Raises Unavailable when the database cannot be reached, Conflict when a rotation of the keys holds the lock for too long.
    """
    with _connect(settings) as connection:
        connection.execute("SELECT set_config('lock_timeout', %s, false)", (f"{settings.backup.lock_wait_s:.0f}s",))
        # The lock comes first: a transaction's snapshot is taken by its first statement, which may not be one that waits.
        try:
            connection.execute("SELECT pg_advisory_lock_shared(%s)", (SEALING,))
        except psycopg.errors.LockNotAvailable:
            raise Conflict("The keys of the secrets are being rotated; back up when that is done.") from None
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        exported = connection.execute("SELECT pg_export_snapshot()").fetchone()
        yield Snapshot(str(exported[0]) if exported else "", revision_of(connection), connection)


def dump(settings: Settings, moment: Snapshot, file: IO[bytes]) -> None:
    """Writes the database as of ``moment``. Not compressed: the whole backup is. Raises EngineError with pg_dump's words."""
    wait_ms = f"--lock-wait-timeout={settings.backup.lock_wait_s * 1000:.0f}"
    _run(settings, "pg_dump", "--format=custom", "--compress=none", f"--snapshot={moment.id}", wait_ms, output=file)


def is_empty(settings: Settings) -> bool:
    with _connect(settings) as connection:
        counted = connection.execute(_OWN).fetchone()
    return counted == (0,)


def load(settings: Settings, file: Path) -> None:
    """All of a dump, or nothing, into an empty database. Raises EngineError with pg_restore's words."""
    _run(settings, "pg_restore", "--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges", str(file))
    with _connect(settings) as connection:
        connection.execute("ANALYZE")


@contextmanager
def _connect(settings: Settings) -> Iterator[Connection]:
    try:
        connection = psycopg.connect(_url(settings), autocommit=True, connect_timeout=settings.storage.connect_timeout_s)
    except psycopg.OperationalError as error:
        raise Unavailable(f"The database does not answer: {str(error).strip()[-300:]} (retry in 5 s)") from None
    with connection:
        yield connection


def _url(settings: Settings) -> str:
    return database_url(settings).replace("+psycopg", "", 1)


def _run(settings: Settings, name: str, *words: str, output: IO[bytes] | int = subprocess.DEVNULL) -> None:
    """One of PostgreSQL's programs, tied to this process. The password travels in the environment: others see a command's words."""
    target, password = _target(settings)
    tied = [sys.executable, "-m", "cluster.stores.tied", str(int(signal.SIGTERM)), "-1", "-1"]
    command = [*tied, str(program(name)), f"--dbname={target}", "--no-password", *words]
    inherited = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    environment = inherited | {"PGPASSWORD": password}
    limit_s = settings.backup.timeout_s
    try:
        done = subprocess.run(command, cwd=REPOSITORY, env=environment, stdout=output, stderr=subprocess.PIPE, timeout=limit_s, check=False)
    except subprocess.TimeoutExpired:
        raise EngineError(f"{name} was not done within {limit_s:.0f} s; backup.timeout_s sets the limit.") from None
    if done.returncode != 0:
        raise EngineError(f"{name} failed: {done.stderr.decode(errors='replace').strip()[-500:]}")


def _target(settings: Settings) -> tuple[str, str]:
    """Where to connect, in libpq's words and without the password; and the password, which may be empty."""
    options = {one.keyword.decode(): one.val.decode() for one in pq.Conninfo.parse(_url(settings).encode()) if one.val}
    password = options.pop("password", "")
    return make_conninfo("", **options), password
