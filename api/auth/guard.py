"""Slows whoever guesses passwords: per account, and per address for those who try many accounts.

The library ``limits`` is not used: it counts what is allowed in a window, and this counts failures, waits longer after each, and forgets
them at a success.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from redis.asyncio import Redis
from redis.exceptions import RedisError

from cluster.errors import Overloaded, Unavailable
from cluster.settings import AuthSettings

# KEYS: failures and ban of one subject, then of the next. ARGV: first ban, longest ban, memory (s), then each subject's allowance.
# An attempt counts as a failure before it is made, so that many at once do not slip through; a success takes it back.
_BEGIN = """
local wait = 0
for i = 1, #KEYS, 2 do
  wait = math.max(wait, redis.call('TTL', KEYS[i + 1]))
end
if wait > 0 then return wait end
for i = 1, #KEYS, 2 do
  local failures = redis.call('INCR', KEYS[i])
  redis.call('EXPIRE', KEYS[i], ARGV[3])
  local over = failures - tonumber(ARGV[3 + (i + 1) / 2])
  if over >= 0 then
    redis.call('SET', KEYS[i + 1], 1, 'EX', math.min(ARGV[1] * 2 ^ math.min(over, 30), ARGV[2]))
  end
end
return 0
"""


class Guard:
    def __init__(self, cache: Redis, settings: AuthSettings) -> None:
        self._cache = cache
        self._settings = settings
        self._begin = cache.register_script(_BEGIN)

    async def begin(self, account: str, address: str | None) -> None:
        """Call before an attempt. Raises Overloaded, with the time to wait, after too many failures."""
        told = self._settings
        limits = [told.failures_per_account, told.failures_per_address]
        try:
            wait = await self._begin(
                keys=_names(account, address), args=[told.first_ban_s, told.longest_ban_s, told.failure_memory_s, *limits]
            )
        except RedisError:
            raise Unavailable("Sign-ins cannot be counted now, because the cache does not answer; retry in 2 s.") from None
        if int(wait) > 0:
            raise Overloaded(f"Too many failed sign-ins; retry in {int(wait)} s.")

    async def succeeded(self, account: str, address: str | None) -> None:
        """Forgets the account's failures; of the address only the attempt that succeeded, or an attacker would use an account of their
        own to go on."""
        failures, ban, elsewhere, other_ban = _names(account, address)
        try:
            async with self._cache.pipeline(transaction=True) as pipe:
                pipe.delete(failures, ban, other_ban)
                pipe.decr(elsewhere)
                await pipe.execute()
        except RedisError:
            raise Unavailable("Sign-ins cannot be counted now, because the cache does not answer; retry in 2 s.") from None


def _names(account: str, address: str | None) -> Sequence[str]:
    # Hashed: what people type as their e-mail is none of the cache's business.
    who = hashlib.sha256(account.lower().encode()).hexdigest()[:32]
    where = address or "unknown"
    return [f"auth:failures:account:{who}", f"auth:ban:account:{who}", f"auth:failures:address:{where}", f"auth:ban:address:{where}"]
