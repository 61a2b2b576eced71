"""The database, as a training asks it: seldom, so that nothing is kept open meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import tenacity

from cluster.settings import Settings
from cluster.stores.away import AWAY
from cluster.stores.sql import AsyncSession, Database
from cluster.stores.urls import database_url

AnswerT = TypeVar("AnswerT")


def in_database(settings: Settings, call: Callable[[AsyncSession], Awaitable[AnswerT]]) -> AnswerT:
    """What ``call`` returns, in a transaction of its own; of a database that is away, see :func:`with_database`."""

    async def asked(database: Database) -> AnswerT:
        async with database.session() as session:
            return await call(session)

    return with_database(settings, asked)


def with_database(settings: Settings, call: Callable[[Database], Awaitable[AnswerT]]) -> AnswerT:
    """What ``call`` returns. A database that is away for a while is waited for, ``ingest.patience_s`` seconds
    at most: hours of training are not thrown away for a restart of it."""
    again = tenacity.Retrying(
        retry=tenacity.retry_if_exception_type(AWAY),
        wait=tenacity.wait_random_exponential(multiplier=0.5, max=10.0),
        stop=tenacity.stop_after_delay(settings.ingest.patience_s),
        reraise=True,
    )
    return again(lambda: asyncio.run(_asked(settings, call)))


async def _asked(settings: Settings, call: Callable[[Database], Awaitable[AnswerT]]) -> AnswerT:
    database = Database(database_url(settings), settings.storage)
    try:
        return await call(database)
    finally:
        await database.close()
