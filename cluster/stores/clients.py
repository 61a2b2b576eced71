"""The clients of both stores, as a process holds them."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import Redis

from cluster.settings import Settings
from cluster.stores.sql import Database
from cluster.stores.urls import database_url, redis_url

CACHE_TIMEOUT_S = 5.0


@dataclass(frozen=True, slots=True)
class StoreClients:
    """Belongs to one event loop. Nothing is connected before the first use."""

    database: Database
    cache: Redis

    async def close(self) -> None:
        await self.database.close()
        await self.cache.aclose()


def connect(settings: Settings) -> StoreClients:
    """Raises ConfigError when the address of a server of the owner's cannot be read."""
    cache: Redis = Redis.from_url(
        redis_url(settings),
        socket_timeout=CACHE_TIMEOUT_S,
        socket_connect_timeout=CACHE_TIMEOUT_S,
        decode_responses=True,
        protocol=3,
    )
    return StoreClients(Database(database_url(settings), settings.storage), cache)
