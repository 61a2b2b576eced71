"""Something that is said once, by a name, to whoever waits for it in whichever process.

It is kept in Redis for a while, so that it is heard too by whoever begins to wait a moment later, and announced, so that nobody who waits
has to ask again and again. One subscription for each process.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from contextlib import suppress
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cluster.ending import end

CHANNEL = "bells"
# Seconds until somebody who waits looks by themselves, should the announcement have been lost.
_LOOK_S = 1.0
_AGAIN_S = 1.0


class Bells:
    """Belongs to one event loop. Heard without :meth:`start` too, only later."""

    def __init__(self, cache: Redis) -> None:
        self._cache = cache
        self._waiting: dict[str, set[asyncio.Event]] = defaultdict(set)
        self._listening: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._listening = [asyncio.create_task(self._listen())]

    async def stop(self) -> None:
        await end(self._listening)

    async def ring(self, name: str, said: str, kept_s: float) -> bool:
        """Whether this is the first time; what was said before stays."""
        first = await self._cache.set(_key(name), said, nx=True, px=int(kept_s * 1000))
        await self._cache.publish(CHANNEL, name)
        return bool(first)

    async def expect(self, name: str, for_s: float) -> None:
        """Says that somebody waits to hear ``name``, where not everybody who may ring it is to be believed."""
        await self._cache.set(f"awaited:{name}", "1", px=int(for_s * 1000))

    async def is_expected(self, name: str) -> bool:
        return bool(await self._cache.exists(f"awaited:{name}"))

    async def heard(self, name: str) -> str:
        """What is said, as soon as it is. Raises RedisError where Redis is away."""
        woken = asyncio.Event()
        self._waiting[name].add(woken)
        try:
            while (said := await self._cache.get(_key(name))) is None:
                with suppress(TimeoutError):
                    async with asyncio.timeout(_LOOK_S):
                        await woken.wait()
                woken.clear()
            return str(said)
        finally:
            self._waiting[name].discard(woken)
            if not self._waiting[name]:
                del self._waiting[name]

    async def _listen(self) -> None:
        while True:
            with suppress(RedisError, OSError):
                async with self._cache.pubsub(ignore_subscribe_messages=True) as said:
                    await said.subscribe(CHANNEL)
                    while True:
                        message = await said.get_message(timeout=_AGAIN_S)
                        for woken in self._waiting.get(message["data"], ()) if message is not None else ():
                            woken.set()
            await asyncio.sleep(_AGAIN_S)


def _key(name: str) -> str:
    return f"bell:{name}"


def install_bells(app: FastAPI, cache: Redis) -> Bells:
    """Also on ``app.state.bells``. Whoever runs the app calls ``start`` and ``stop``."""
    bells = Bells(cache)
    app.state.bells = bells
    return bells


async def bells_of(request: Request) -> Bells:
    bells = request.app.state.bells
    assert isinstance(bells, Bells)
    return bells


WithBells = Annotated[Bells, Depends(bells_of)]
