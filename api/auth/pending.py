"""What waits for somebody to come back: invitations, and sign-ins that are at an issuer. Each can be taken once, within its time."""

from __future__ import annotations

import secrets
from typing import Literal

from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.auth.tokens import digest
from cluster.errors import Unavailable

Kind = Literal["invitation", "oidc"]


class Pending:
    def __init__(self, cache: Redis) -> None:
        self._cache = cache

    async def put(self, kind: Kind, value: str, seconds: int) -> str:
        """A token of 256 random bits for which :meth:`take` gives ``value``. Only its hash is stored."""
        token = secrets.token_urlsafe(32)
        try:
            await self._cache.set(_name(kind, token), value, ex=seconds)
        except RedisError:
            raise _silent() from None
        return token

    async def take(self, kind: Kind, token: str) -> str | None:
        try:
            found = await self._cache.getdel(_name(kind, token))
        except RedisError:
            raise _silent() from None
        return found.decode() if isinstance(found, bytes) else found


def _name(kind: Kind, token: str) -> str:
    return f"auth:{kind}:{digest(token).hex()}"


def _silent() -> Unavailable:
    return Unavailable("The cache does not answer; retry in 2 s.")
