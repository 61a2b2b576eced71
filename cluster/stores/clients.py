"""The clients of both stores, as a process holds them."""

from __future__ import annotations

from dataclasses import dataclass

from redis.asyncio import BlockingConnectionPool, Redis

from cluster.settings import Settings
from cluster.stores.sql import Database
from cluster.stores.urls import database_url, redis_url

CACHE_TIMEOUT_S = 5.0
# Of one process. More do not make a server with one thread faster.
CACHE_CONNECTIONS = 32


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
    # Blocking: whoever finds all connections busy waits for one. The client's own pool refuses.
    pool = BlockingConnectionPool.from_url(
        redis_url(settings),
        max_connections=CACHE_CONNECTIONS,
        timeout=CACHE_TIMEOUT_S,
        socket_timeout=CACHE_TIMEOUT_S,
        socket_connect_timeout=CACHE_TIMEOUT_S,
        decode_responses=True,
        protocol=3,
    )
    return StoreClients(Database(database_url(settings), settings.storage), Redis.from_pool(pool))
