"""The database: one engine for each process, one session for each piece of work."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine

from cluster.settings import StorageSettings
from cluster.stores.straight import Straight

__all__ = ["AsyncSession", "Database"]

# Connections of a process for single statements. Each is free again after a moment, and more do not make one event loop faster.
STRAIGHT = 4


class Database:
    """``url`` for SQLAlchemy with psycopg 3. Nothing is connected before the first session. Belongs to one event loop. ``straight``: for
    statements that are a transaction each and whose cost is counted, on connections of their own."""

    def __init__(self, url: str, settings: StorageSettings) -> None:
        self._engine = create_async_engine(
            url,
            pool_size=settings.pool_size,
            max_overflow=settings.pool_overflow,
            pool_timeout=settings.pool_timeout_s,
            pool_recycle=settings.pool_recycle_s,
            pool_pre_ping=True,
            connect_args={"connect_timeout": settings.connect_timeout_s},
            hide_parameters=True,  # values are people's own words
        )
        self._sessions = async_sessionmaker(self._engine, expire_on_commit=False)
        self.straight = Straight(url, settings, STRAIGHT)

    @asynccontextmanager
    async def session(self) -> AsyncIterator[AsyncSession]:
        """One transaction: committed when the block ends, rolled back when it raises."""
        async with self._sessions.begin() as session:
            yield session

    async def answers(self) -> bool:
        try:
            async with self._engine.connect() as connection:
                await connection.execute(text("SELECT 1"))
        except (SQLAlchemyError, OSError):
            return False
        return True

    async def close(self) -> None:
        await self.straight.close()
        await self._engine.dispose()
