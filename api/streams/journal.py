"""The events of an answer, in a Redis stream: written by whoever holds the lease, read by anybody, for a while after the end."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from pydantic_core import from_json, to_json
from redis.asyncio import Redis
from redis.asyncio.client import Pipeline
from redis.asyncio.retry import Retry
from redis.backoff import ExponentialWithJitterBackoff

from api.streams import keys
from cluster.settings import ConversationSettings

# Adds what the stream lacks of the events from number ARGV[4] on, and holds the lease for longer; unless that is somebody else's by now, or
# a stop was asked for: what a reader saw and what is saved cannot differ. An event's number is its id, so that asking twice, as one must
# when the answer was lost, adds it once. What Redis lost in a crash (up to a second) is missing, and sent again.
_APPEND = """
if redis.call('GET', KEYS[2]) ~= ARGV[1] then return {'lost', 0} end
if ARGV[2] == '0' and redis.call('EXISTS', KEYS[3]) == 1 then return {'halt', 0} end
redis.call('PEXPIRE', KEYS[2], ARGV[5])
local first, last = tonumber(ARGV[4]), redis.call('XREVRANGE', KEYS[1], '+', '-', 'COUNT', 1)[1]
local there = last and tonumber(string.match(last[1], '^%d+')) or 0
if there + 1 < first then return {'missing', there} end
for i = 6, #ARGV, 2 do
  local number = first + (i - 6) / 2
  if number > there then redis.call('XADD', KEYS[1], string.format('%d-0', number), 'data', ARGV[i], 'tokens', ARGV[i + 1]) end
end
if #ARGV > 5 then
  redis.call('EXPIRE', KEYS[1], ARGV[3])
  redis.call('PUBLISH', KEYS[4], string.match(KEYS[1], 'stream:(.-):events'))
end
return {'written', there}
"""
# An id becomes known as open in the same step in which its lease is taken.
_TAKE = """
if not redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
redis.call('SADD', KEYS[2], ARGV[3])
return 1
"""
_LEAVE = "if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end return 0"
# Seconds between two tries while Redis is away: it is back within one or two.
_SOONEST_S, _LATEST_S = 0.05, 0.5

T = TypeVar("T")


class LeaseLost(Exception):
    """Somebody else writes this answer now, or may."""


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
        self.me = uuid.uuid4().hex
        # Data and tokens of all events; the first ``_sent`` of them are known to be in the stream.
        self._events: list[tuple[str, int]] = []
        self._sent = 0
        self._turn = asyncio.Lock()
        self._append = cache.register_script(_APPEND)

    @property
    def id(self) -> uuid.UUID:
        return self._id

    @property
    def sent(self) -> int:
        """How many events are known to be in the stream."""
        return self._sent

    async def take(self) -> bool:
        """Hold the lease, if nobody does."""
        taken = self._cache.eval(_TAKE, 2, keys.lease(self._id), keys.OPEN, self.me, str(self._lease_ms), str(self._id))
        return bool(await cast("Awaitable[int]", taken))

    def hold(self, pipe: Pipeline) -> None:
        """The same with what ``pipe`` sends, for an id that is new, so that nobody can hold it."""
        pipe.set(keys.lease(self._id), self.me, px=self._lease_ms)
        pipe.sadd(keys.OPEN, str(self._id))

    async def resume(self) -> list[Event]:
        """What is there already, to go on behind it. For whoever has taken the lease."""
        events = await self.read()
        self._events = [(event.data, event.tokens) for event in events]
        self._sent = len(events)
        return events

    async def leave(self) -> None:
        await self._cache.eval(_LEAVE, 1, keys.lease(self._id), self.me)

    async def append(self, *events: tuple[dict[str, Any], int], final: bool = False) -> None:
        """All of them, once. Raises LeaseLost; and Halted, unless ``final``; none of them is written then. Those of a call that was
        cancelled are written with the next. While Redis is away it is waited for, as long as others would wait before they take over."""
        self._events += [(to_json(content).decode(), tokens) for content, tokens in events]
        async with self._turn:
            result = "missing"
            while result == "missing":
                size = len(self._events)
                result, there = await self._insist(self._events[self._sent :], final=final)
                self._sent = size if result == "written" else there if result == "missing" else self._sent
            if result != "written":
                del self._events[self._sent :]
                raise LeaseLost if result == "lost" else Halted

    async def _insist(self, events: list[tuple[str, int]], *, final: bool) -> tuple[str, int]:
        """What the script says, once Redis says anything."""
        names = (keys.events(self._id), keys.lease(self._id), keys.halt(self._id), keys.WOKEN)
        told = (self.me, "1" if final else "0", str(self._settings.stream_kept_s), str(self._sent + 1), str(self._lease_ms))
        words = [word for data, tokens in events for word in (data, str(tokens))]
        result, there = await insist(lambda: self._append(keys=names, args=[*told, *words]), self._settings.lease_s)
        return str(result), int(there)

    async def finish(self, message_id: uuid.UUID, *, ended: bool) -> None:
        """Write the last event, unless it ``ended`` before."""
        if not ended:
            await self.append(({"type": "end", "message_id": str(message_id)}, 0), final=True)
        await self._cache.srem(keys.OPEN, str(self._id))
        await self.leave()

    async def forget(self) -> None:
        """Leave nothing of it. Whoever writes it finds the lease gone and stops; whoever reads it finds nothing to wait for."""
        hashes = await cast("Awaitable[set[str]]", self._cache.smembers(keys.tokens(self._id)))
        tokens = [name for hashed in hashes for name in (keys.unused(hashed), keys.known(hashed))]
        async with self._cache.pipeline(transaction=True) as pipe:
            pipe.unlink(keys.lease(self._id), keys.events(self._id), keys.halt(self._id), keys.tokens(self._id), *tokens)
            pipe.srem(keys.OPEN, str(self._id))
            pipe.publish(keys.WOKEN, str(self._id))
            await pipe.execute()

    async def gone(self) -> bool:
        """Was it forgotten, or is it past its time?"""
        return not await self._cache.exists(keys.events(self._id), keys.lease(self._id), keys.tokens(self._id))

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


async def insist(ask: Callable[[], Awaitable[T]], most_s: float) -> T:
    """What Redis says, once it says anything. Raises LeaseLost where it is away for ``most_s``: others may write by then."""
    trying = Retry(ExponentialWithJitterBackoff(cap=_LATEST_S, base=_SOONEST_S), retries=-1)
    try:
        async with asyncio.timeout(most_s):
            return cast("T", await trying.call_with_retry(ask, _nothing))
    except TimeoutError:
        raise LeaseLost from None


async def _nothing(_: Exception) -> None:
    """A try that failed needs no clearing up: the client closes the connection itself."""
