"""What it looks like when a store does not answer, or cannot hold a value."""

from __future__ import annotations

import psycopg
from psycopg_pool import PoolTimeout
from redis.exceptions import BusyLoadingError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from sqlalchemy.exc import DataError, InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError

from cluster.errors import BadInput, HearthError, Unavailable

# OperationalError is PostgreSQL's class for what is not the statement's fault: a lost connection, a shutdown, no room, a lock that is held.
# Of SQLAlchemy, and of the driver, where it is used by itself.
DATABASE_AWAY = (OperationalError, InterfaceError, PoolTimeoutError, psycopg.OperationalError, psycopg.InterfaceError, PoolTimeout)
# The same for whoever waits until it is back: also where PostgreSQL ended a transaction that took too long (InternalError).
AWAY = (*DATABASE_AWAY, InternalError, psycopg.InternalError)
CACHE_AWAY = (RedisConnectionError, RedisTimeoutError, BusyLoadingError)


def is_full(error: BaseException) -> bool:
    """Whether PostgreSQL had no room on its disk: one of AWAY that does not pass by itself."""
    cause = error.orig if isinstance(error, OperationalError) else error
    return isinstance(cause, psycopg.errors.DiskFull)


def as_told(error: BaseException) -> HearthError | None:
    """What a caller is told of a store that does not answer, or of a value that it cannot hold; None for any other error."""
    if isinstance(error, DATABASE_AWAY):
        return Unavailable("The database does not answer now (retry in 2 s).")
    if isinstance(error, CACHE_AWAY):
        return Unavailable("The cache does not answer now (retry in 2 s).")
    if isinstance(error, DataError):
        return BadInput("A value cannot be kept or looked for: text with a NUL character, or a number out of range; change it.")
    return None
