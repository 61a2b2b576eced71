"""Telling consumers over Redis that there is something to do. Nothing depends on it: they look by themselves before long."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

log = structlog.get_logger(__name__)

CHANNEL = "queue"
# Between two tries to reach a Redis that does not answer, and until an empty subscription is looked at again.
REST_S = 1.0


class Bell:
    """Neither waits nor raises. Belongs to one event loop."""

    def __init__(self, cache: Redis) -> None:
        self._cache = cache
        self._task: asyncio.Task[None] | None = None
        self._again = False

    def ring(self) -> None:
        """Look now. Those who ring while it is being said are heard with the next word."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._say())

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None

    async def _say(self) -> None:
        while self._again:
            self._again = False
            try:
                await self._cache.publish(CHANNEL, "")
            except (RedisError, OSError) as error:
                log.warning("consumers look for messages by themselves: the cache does not answer", error=type(error).__name__)


async def listen(cache: Redis, heard: Callable[[], None]) -> None:
    """Calls ``heard`` at each ring, for ever; also once when it begins to listen, and when it can listen again."""
    while True:
        try:
            async with cache.pubsub(ignore_subscribe_messages=True) as pubsub:
                await pubsub.subscribe(CHANNEL)
                heard()
                while True:
                    if await pubsub.get_message(timeout=REST_S) is not None:
                        heard()
        except (RedisError, OSError) as error:
            log.warning("messages are looked for without being told: the cache does not answer", error=type(error).__name__)
            await asyncio.sleep(REST_S)
