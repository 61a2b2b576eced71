"""The events of an answer, in a Redis stream: written by whoever holds the lease, read by anybody, for a while after the end."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json
from redis.asyncio import Redis

from api.streams import keys
from cluster.settings import ConversationSettings

# Adds events, unless the lease is somebody else's by now or a stop was asked for: what a reader saw and what is saved cannot differ.
_APPEND = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return 'lost' end
if ARGV[2] == '0' and redis.call('EXISTS', KEYS[3]) == 1 then return 'halt' end
for i = 4, #ARGV, 2 do redis.call('XADD', KEYS[1], '*', 'data', ARGV[i], 'tokens', ARGV[i + 1]) end
redis.call('EXPIRE', KEYS[1], ARGV[3])
redis.call('PUBLISH', KEYS[4], string.match(KEYS[1], 'stream:(.-):events'))
return 'written'
"""
_KEEP = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('PEXPIRE', KEYS[1], ARGV[2]) end return 0"
_LEAVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"


class LeaseLost(Exception):
    """Somebody else writes this answer now."""


class Halted(Exception):
    """A stop was asked for."""


@dataclass(frozen=True, slots=True)
class Event:
    """``data``: what a reader is sent; ``tokens``: how many of the model's tokens it holds."""

    id: str
    data: str
    tokens: int

    @property
    def content(self) -> dict[str, Any]:
        content: dict[str, Any] = from_json(self.data)
        return content


class Journal:
    """Of one generation. ``me``: who holds the lease."""

    def __init__(self, cache: Redis, settings: ConversationSettings, generation_id: uuid.UUID) -> None:
        self._cache = cache
        self._settings = settings
        self._id = generation_id
        self._me = uuid.uuid4().hex

    async def take(self) -> bool:
        """Hold the lease, if nobody does."""
        taken = await self._cache.set(keys.lease(self._id), self._me, nx=True, px=self._lease_ms)
        if taken:
            await self._cache.sadd(keys.OPEN, str(self._id))
        return bool(taken)

    async def keep(self) -> None:
        """Hold it for longer. Raises LeaseLost, or Halted."""
        if not await self._cache.eval(_KEEP, 1, keys.lease(self._id), self._me, str(self._lease_ms)):
            raise LeaseLost
        if await self.halting():
            raise Halted

    async def leave(self) -> None:
        await self._cache.eval(_LEAVE, 1, keys.lease(self._id), self._me)

    async def append(self, *events: tuple[dict[str, Any], int], final: bool = False) -> None:
        """Raises LeaseLost; and Halted, unless ``final``."""
        words = [word for content, tokens in events for word in (to_json(content).decode(), str(tokens))]
        names = (keys.events(self._id), keys.lease(self._id), keys.halt(self._id), keys.WOKEN)
        result = await self._cache.eval(_APPEND, 4, *names, self._me, "1" if final else "0", str(self._settings.stream_kept_s), *words)
        if result == "lost":
            raise LeaseLost
        if result == "halt":
            raise Halted

    async def finish(self, message_id: uuid.UUID | None) -> None:
        """Write the last event."""
        await self.append(({"type": "end", "message_id": None if message_id is None else str(message_id)}, 0), final=True)
        await self._cache.srem(keys.OPEN, str(self._id))
        await self.leave()

    async def read(self, after: str = "0-0", limit: int | None = None) -> list[Event]:
        return await self._range(f"({after}", "+", limit)

    async def event(self, event_id: str) -> Event | None:
        return next(iter(await self._range(event_id, event_id, 1)), None)

    async def _range(self, first: str, last: str, limit: int | None) -> list[Event]:
        rows: list[tuple[str, dict[str, str]]]
        rows = await self._cache.xrange(keys.events(self._id), first, last, count=limit)  # type: ignore[assignment]  # texts are decoded
        return [Event(row_id, fields["data"], int(fields["tokens"])) for row_id, fields in rows]

    async def halt(self) -> None:
        """Ask whoever writes to stop."""
        await self._cache.set(keys.halt(self._id), "1", ex=self._settings.stream_kept_s)

    async def halting(self) -> bool:
        return bool(await self._cache.exists(keys.halt(self._id)))

    @property
    def _lease_ms(self) -> int:
        return int(self._settings.lease_s * 1000)
