"""Statements that are a transaction each: one way to the database and back, where a session takes one for each thing that it does."""

from __future__ import annotations

import select
from collections.abc import Mapping
from typing import Any

import psycopg
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from cluster.settings import StorageSettings

Connection = psycopg.AsyncConnection[DictRow]
Pool = AsyncConnectionPool[Connection]


def straight_pool(url: str, settings: StorageSettings, connections: int) -> Pool:
    """``url`` as SQLAlchemy has it. Nothing is connected before the first use, which comes after ``open(wait=False)``. Belongs to one
    event loop. Outside of ``transaction()`` each statement is committed by itself, and is prepared once by each connection."""
    return AsyncConnectionPool(
        url.replace("+psycopg", "", 1),
        connection_class=psycopg.AsyncConnection[DictRow],
        kwargs={
            "autocommit": True,
            "prepare_threshold": 0,
            "row_factory": dict_row,
            "connect_timeout": settings.connect_timeout_s,
        },
        min_size=0,
        max_size=connections,
        timeout=settings.pool_timeout_s,
        check=_check,
        open=False,
    )


async def _check(connection: Connection) -> None:
    """Raises OperationalError where the server has gone. It is asked only where it said something unasked, as its farewell is: to ask each
    time would be as much as what is to be done."""
    heard = select.poll()
    heard.register(connection.fileno(), select.POLLIN)
    if heard.poll(0):
        await AsyncConnectionPool.check_connection(connection)


class Straight:
    """A pool of ``connections`` of its own, opened by the first statement."""

    def __init__(self, url: str, settings: StorageSettings, connections: int) -> None:
        self._pool = straight_pool(url, settings, connections)
        self._open = False

    async def one(self, statement: str, values: Mapping[str, Any]) -> DictRow | None:
        """The first row that the statement gives; None: there is none. Raises what psycopg raises (AWAY: see away.py)."""
        if not self._open:
            self._open = True
            await self._pool.open(wait=False)
        async with self._pool.connection() as connection:
            return await (await connection.execute(statement, values, binary=True)).fetchone()

    async def close(self) -> None:
        if self._open:
            self._open = False
            await self._pool.close()
