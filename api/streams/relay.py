"""Reading along: one subscription for each process wakes whoever reads an answer that has gone on.

A blocking XREAD for each reader would take one connection to Redis for each open stream.
"""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import AsyncGenerator
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.streams import keys
from api.streams.journal import Journal

# Seconds until a reader looks by itself, should it not have been woken: a thousand who wait are not to ask a thousand times a second.
_LOOK_S = 5.0
# Seconds between two subscriptions, and between two looks whether one still stands. Everybody is woken by a new one, because nobody knows
# what was said before it.
_AGAIN_S = 1.0
# Reads of Redis at once; the client's connections are for everybody.
_AT_ONCE = 16
_BATCH = 500


class Relay:
    def __init__(self, cache: Redis) -> None:
        self._cache = cache
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._reads = asyncio.Semaphore(_AT_ONCE)

    async def listen(self) -> None:
        """Until cancelled."""
        while True:
            with suppress(RedisError, OSError):
                async with self._cache.pubsub(ignore_subscribe_messages=True) as said:
                    await said.subscribe(keys.WOKEN)
                    for generation_id in list(self._waiting):
                        self._wake(generation_id)
                    while True:
                        message = await said.get_message(timeout=_AGAIN_S)
                        if message is not None:
                            self._wake(message["data"])
            await asyncio.sleep(_AGAIN_S)

    async def follow(self, journal: Journal, generation_id: uuid.UUID, after: str, keepalive_s: float) -> AsyncGenerator[bytes, None]:
        """Server-sent events after the one with id ``after``, to the last, or until the answer is forgotten; a comment after each
        ``keepalive_s`` of silence. The bytes of an event are the same whoever reads it and whenever."""
        woken = asyncio.Event()
        self._waiting[str(generation_id)].add(woken)
        now, silent_since = asyncio.get_running_loop().time, asyncio.get_running_loop().time()
        try:
            while True:
                told = woken.is_set()
                woken.clear()
                async with self._reads:
                    batch = await journal.read(after, _BATCH)
                for event in batch:
                    yield f"id: {event.id}\ndata: {event.data}\n\n".encode()
                    after, silent_since = event.id, now()
                    if event.content["type"] == "end":
                        return
                silent = now() - silent_since >= keepalive_s
                if not batch and (told or silent) and await journal.gone():
                    return
                if not batch:
                    with suppress(TimeoutError):
                        async with asyncio.timeout(min(_LOOK_S, keepalive_s)):
                            await woken.wait()
                if silent:
                    yield b": still here\n\n"
                    silent_since = now()
        finally:
            self._waiting[str(generation_id)].discard(woken)
            if not self._waiting[str(generation_id)]:
                del self._waiting[str(generation_id)]

    def _wake(self, generation_id: str) -> None:
        for woken in self._waiting.get(generation_id, ()):
            woken.set()
