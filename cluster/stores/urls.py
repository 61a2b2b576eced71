"""Where the database and the cache are: the owner's servers where configured, else the ones that Hearth runs."""

from __future__ import annotations

import stat
from pathlib import Path

from cluster.errors import ConfigError
from cluster.home import Home
from cluster.settings import Settings
from cluster.stores.postgres import EmbeddedPostgres
from cluster.stores.redis import EmbeddedRedis

OTHERS = stat.S_IRWXG | stat.S_IRWXO


def database_url(settings: Settings) -> str:
    """For SQLAlchemy, with the psycopg driver. It may hold a password: never log it. Raises ConfigError naming the file that is wrong."""
    file = settings.storage.database_url_file
    return EmbeddedPostgres(Home(settings.home)).url if file is None else _read(file, "postgresql+psycopg://")


def redis_url(settings: Settings) -> str:
    """For redis-py. Raises ConfigError naming the file that is wrong."""
    file = settings.storage.redis_url_file
    return EmbeddedRedis(Home(settings.home)).url if file is None else _read(file, "redis://", "rediss://", "unix://")


def read_secret(file: Path) -> str:
    """What stands in a file of the owner's that nobody else may read. Raises ConfigError naming it."""
    path = file.expanduser()
    try:
        mode, content = path.stat().st_mode, path.read_text(encoding="utf-8").strip()
    except OSError as error:
        raise ConfigError(f"{path}: not readable ({error.strerror}); write there what it is to hold.") from None
    if mode & OTHERS:
        raise ConfigError(f"{path}: others can read it, and it may hold a password; `chmod 600 {path}`.")
    return content


def _read(file: Path, *schemes: str) -> str:
    url = read_secret(file)
    if not url.startswith(schemes):
        raise ConfigError(f"{file.expanduser()}: the address must begin with {' or '.join(schemes)}.")
    return url
