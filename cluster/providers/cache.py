"""Answers given again to equal requests. Opt-in, exact match, for a limited time."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import Coroutine, Sequence
from dataclasses import asdict, dataclass
from typing import Protocol, TypeVar

import structlog
from pydantic import TypeAdapter, ValidationError
from redis.asyncio import Redis
from redis.exceptions import RedisError

from cluster.contracts.generation import Generation, GenerationRequest

_GENERATIONS = TypeAdapter(Generation)
# A cache is there to save time: what takes it longer than this is not waited for.
PATIENCE_S = 0.5

FoundT = TypeVar("FoundT")
log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class CacheStats:
    """Over all processes that share the cache, since it was emptied."""

    hits: int
    misses: int
    stored: int

    @property
    def hit_rate(self) -> float:
        """Between 0 and 1; 0 before the first question."""
        return self.hits / max(1, self.hits + self.misses)


class ResponseCache(Protocol):
    """Whoever asks it must bear that it knows nothing: it never raises."""

    async def get(self, key: str) -> Generation | None: ...

    async def put(self, key: str, answer: Generation, ttl_s: int) -> None: ...

    async def stats(self) -> CacheStats: ...


class RedisResponseCache:
    """A ResponseCache. While Redis does not answer in time nothing is found and nothing kept, which is logged."""

    def __init__(self, redis: Redis, prefix: str = "hearth:answers:") -> None:
        self._redis = redis
        self._prefix = prefix
        self._stats = f"{prefix}stats"

    async def get(self, key: str) -> Generation | None:
        return await self._in_time(self._get(key), None)

    async def put(self, key: str, answer: Generation, ttl_s: int) -> None:
        await self._in_time(self._put(key, answer, ttl_s), None)

    async def stats(self) -> CacheStats:
        return await self._in_time(self._counts(), CacheStats(0, 0, 0))

    async def _get(self, key: str) -> Generation | None:
        found = await self._redis.get(self._prefix + key)
        answer = _read(found) if found is not None else None
        await self._redis.hincrby(self._stats, "misses" if answer is None else "hits", 1)
        return answer

    async def _put(self, key: str, answer: Generation, ttl_s: int) -> None:
        await self._redis.set(self._prefix + key, _GENERATIONS.dump_json(answer), ex=ttl_s)
        await self._redis.hincrby(self._stats, "stored", 1)

    async def _counts(self) -> CacheStats:
        hits, misses, stored = await self._redis.hmget(self._stats, ["hits", "misses", "stored"])
        return CacheStats(int(hits or 0), int(misses or 0), int(stored or 0))

    async def _in_time(self, work: Coroutine[None, None, FoundT], otherwise: FoundT) -> FoundT:
        try:
            async with asyncio.timeout(PATIENCE_S):
                return await work
        except (RedisError, TimeoutError) as error:
            log.warning("response cache does not answer", error=type(error).__name__)
            return otherwise


def cache_key(request: GenerationRequest, models: Sequence[str]) -> str:
    """SHA-256 of all that decides the answer: the models that may give it, the question, and who shares it."""
    question = asdict(request)
    for name in ("model", "fallbacks", "caching", "request_id", "subject", "release"):
        del question[name]
    text = json.dumps([list(models), question], sort_keys=True, separators=(",", ":"), default=_digest)
    return hashlib.sha256(text.encode()).hexdigest()


def _digest(value: object) -> str:
    """An image, which stands for itself by its digest."""
    assert isinstance(value, bytes), f"a request holds {type(value).__name__}, which has no canonical form"
    return f"sha256:{hashlib.sha256(value).hexdigest()}"


def _read(found: str | bytes) -> Generation | None:
    """None for what an older version of ours wrote, and this one cannot read."""
    try:
        return _GENERATIONS.validate_json(found)
    except ValidationError:
        return None
