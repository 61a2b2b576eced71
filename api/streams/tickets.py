"""Stream tokens: opaque, 256 bits, used once. Redis keeps their hashes only."""

from __future__ import annotations

import hashlib
import secrets
import uuid

from redis.asyncio import Redis

from api.streams import keys
from api.streams.journal import Journal
from cluster.errors import Conflict, NotFound
from cluster.settings import ConversationSettings


class Tickets:
    def __init__(self, cache: Redis, settings: ConversationSettings) -> None:
        self._cache = cache
        self._settings = settings

    async def issue(self, generation_id: uuid.UUID, journal: Journal | None = None) -> str:
        """``journal``: of an answer that is new, whose lease is taken in the same step."""
        token = secrets.token_urlsafe(32)
        hashed = _hash(token)
        async with self._cache.pipeline(transaction=True) as pipe:
            pipe.set(keys.unused(hashed), str(generation_id), ex=self._settings.stream_token_s)
            pipe.set(keys.known(hashed), str(generation_id), ex=self._settings.stream_kept_s)
            pipe.sadd(keys.tokens(generation_id), hashed)
            pipe.expire(keys.tokens(generation_id), self._settings.stream_kept_s)
            if journal is not None:
                journal.hold(pipe)
            await pipe.execute()
        return token

    async def redeem(self, token: str, *, resuming: bool) -> uuid.UUID:
        """The generation it opens. A first use consumes it; whoever resumes from an event shows it again. Raises NotFound for a token that
        is unknown or expired, Conflict for one that was used."""
        hashed = _hash(token)
        found = await self._cache.get(keys.known(hashed)) if resuming else await self._cache.getdel(keys.unused(hashed))
        if found is not None:
            return uuid.UUID(str(found))
        if await self._cache.exists(keys.known(hashed)):
            raise Conflict("This stream token was used or waited too long; resume with the Last-Event-ID header, or ask for a new token.")
        raise NotFound("There is no stream for this token (any more); prepare a new one.")


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
