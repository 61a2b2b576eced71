"""Whose process runs what: a session of PostgreSQL that holds a lock for as long as the process lives.

No heartbeat and no lease: the lock is free the moment the process, its machine or the server is gone, and not before. So a run is taken
over at once, and never from somebody who is only slow."""

from __future__ import annotations

import asyncio
import secrets
from typing import Any

import psycopg
import structlog
from sqlalchemy import Boolean, ColumnElement, literal_column, text

from cluster.errors import Unavailable
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession
from cluster.stores.urls import database_url

log = structlog.get_logger(__name__)

# Between two looks whether the server still answers on this connection. That it was closed is noticed at once.
PING_S = 5.0
PING_TIMEOUT_S = 10.0
# A machine that vanished without a word: the server gives its session up after 10 + 3 * 5 s. Over a socket of the machine itself they
# are not used.
KEEPALIVE = "-c tcp_keepalives_idle=10 -c tcp_keepalives_interval=5 -c tcp_keepalives_count=3 -c idle_session_timeout=0"
# A lock of one number stands there as two halves.
_HELD = """EXISTS (
    SELECT FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 1 AND granted
    AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
    AND (classid::bigint << 32 | objid::bigint) = {number}
)"""


class Ownership:
    """``worker``: the number that rows name, random and of this object alone. ``lost`` is set when the lock may be somebody else's: then
    everything that runs under ``worker`` must be stopped, and a new Ownership started. Belongs to one event loop.

    A pooler between (pgbouncer) has to pool by session."""

    def __init__(self, settings: Settings) -> None:
        self.worker = secrets.randbits(62) + 2**61
        self.lost = asyncio.Event()
        self._url = database_url(settings).replace("+psycopg", "", 1)
        self._timeout_s = settings.storage.connect_timeout_s
        self._connection: psycopg.AsyncConnection[Any] | None = None
        self._watching: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Holds the lock when it returns. Raises Unavailable when the database does not answer in time."""
        try:
            async with asyncio.timeout(2.0 * self._timeout_s):
                self._connection = await self._connect()
                await self._connection.execute("SELECT pg_advisory_lock(%s)", (self.worker,))
        except (psycopg.OperationalError, OSError, TimeoutError):
            await self.stop()
            raise Unavailable("The database does not answer, so no graph is run here now (retry in 5 s).") from None
        self._watching = asyncio.create_task(self._watch(self._connection))

    async def stop(self) -> None:
        """The lock is free as soon as the server has noticed; ``lost`` is not set by it."""
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.wait((self._watching,))
            self._watching = None
        if self._connection is not None:
            await self._connection.close()
            self._connection = None

    async def _connect(self) -> psycopg.AsyncConnection[Any]:
        return await psycopg.AsyncConnection.connect(
            self._url, autocommit=True, connect_timeout=self._timeout_s, options=KEEPALIVE, application_name="hearth agents"
        )

    async def _watch(self, connection: psycopg.AsyncConnection[Any]) -> None:
        try:
            while True:
                # Nobody notifies: this waits on the socket, and raises when the server closes it.
                async for _ in connection.notifies(timeout=PING_S):
                    pass
                async with asyncio.timeout(PING_TIMEOUT_S):
                    await connection.execute("SELECT 1")
        except (psycopg.Error, OSError, TimeoutError) as error:
            log.warning("the connection that owns runs is lost; they are stopped here", error=type(error).__name__)
            self.lost.set()


def alone(table: str = "graph_runs") -> ColumnElement[bool]:
    """Whether the lock of a row's ``worker`` is free, in a query of ``table``."""
    return literal_column(f"NOT {_HELD.format(number=f'{table}.worker')}", Boolean)


async def is_alive(session: AsyncSession, worker: int) -> bool:
    """Whether a process holds the lock of that number."""
    return bool(await session.scalar(text(f"SELECT {_HELD.format(number=':worker')}"), {"worker": worker}))
