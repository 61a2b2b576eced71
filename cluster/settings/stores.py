"""Where state is kept, and how it is backed up."""

from __future__ import annotations

from pathlib import Path

from pydantic import ByteSize, Field

from cluster.settings.group import Group


class StorageSettings(Group):
    """Where what people say and own is kept."""

    database_url_file: Path | None = Field(
        None,
        description="File (mode 0600) with the address of a PostgreSQL of yours: postgresql+psycopg://user:password@host/database. "
        "By default Hearth runs one.",
    )
    redis_url_file: Path | None = Field(
        None,
        description="File (mode 0600) with the address of a Redis of yours: redis://:password@host:6379/0. By default Hearth runs one.",
    )
    pool_size: int = Field(10, ge=1, le=500, description="Database connections that each API process keeps open.")
    pool_overflow: int = Field(10, ge=0, le=500, description="Connections above pool_size in a rush.")
    pool_timeout_s: float = Field(30.0, gt=0, description="Seconds a request waits for a connection before it gets 503.")
    pool_recycle_s: int = Field(3600, ge=1, description="Seconds after which a connection is replaced.")
    connect_timeout_s: int = Field(5, ge=1, description="Seconds to wait for the database to take a connection.")


class BackupSettings(Group):
    """Backup and restore."""

    kept_before_migration: int = Field(
        3, ge=0, le=1000, description="Backups that are kept of those made before a migration, below HEARTH_HOME/backups; 0: none is made."
    )
    timeout_s: float = Field(6 * 3600.0, gt=0, description="Seconds that dumping the database may take, and loading it.")
    lock_wait_s: float = Field(60.0, ge=1, le=3600, description="Seconds a backup waits for a table, or for the keys, that are changed.")
    restored_bytes: ByteSize = Field(ByteSize(2**40), description="Largest content that a backup is unpacked to, in bytes.")
    restored_files: int = Field(1_000_000, ge=1, description="Files that a backup may hold.")
