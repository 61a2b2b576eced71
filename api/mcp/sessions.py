"""MCP sessions: an id that belongs to whoever opened it, and the level of messages that is wanted in it. In Redis, for all replicas."""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from mcp_types import ClientCapabilities
from redis.asyncio import Redis

from api.web.principal import Principal
from cluster.errors import NotFound
from cluster.settings import ToolSettings

# Opens KEYS[1] among those of one person (KEYS[2], by when they were last used); those that are idle for too long, and the oldest of too
# many, are forgotten.
_OPEN = """
local now = redis.call('TIME')
local ms = now[1] * 1000 + math.floor(now[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[2], '-inf', ms - ARGV[3])
while redis.call('ZCARD', KEYS[2]) >= tonumber(ARGV[4]) do
  redis.call('DEL', 'mcp:session:' .. redis.call('ZPOPMIN', KEYS[2])[1])
end
redis.call('HSET', KEYS[1], 'owner', ARGV[2], 'capabilities', ARGV[5])
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], ms, ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
"""
# Notes that a session is used, where it is still there and ARGV[2]'s; what its client can do and its level (false where none was
# chosen), or false.
_USE = """
if redis.call('HGET', KEYS[1], 'owner') ~= ARGV[2] then return false end
local now = redis.call('TIME')
redis.call('PEXPIRE', KEYS[1], ARGV[3])
redis.call('ZADD', KEYS[2], now[1] * 1000 + math.floor(now[2] / 1000), ARGV[1])
redis.call('PEXPIRE', KEYS[2], ARGV[3])
return redis.call('HMGET', KEYS[1], 'capabilities', 'level')
"""
GONE = "There is no such MCP session, or it is not yours, or it was idle for too long; initialize a new one."


@dataclass(frozen=True, slots=True)
class McpSession:
    """``level``: the least level of messages that is wanted; None: the client has not said. ``capabilities``: what its client said that
    it can do."""

    id: str
    level: str | None
    capabilities: ClientCapabilities


class Sessions:
    def __init__(self, cache: Redis, settings: ToolSettings) -> None:
        self._cache = cache
        self._idle_ms = int(settings.session_idle_s * 1000)
        self._most = settings.sessions_per_user
        self._open = cache.register_script(_OPEN)
        self._use = cache.register_script(_USE)

    async def open(self, who: Principal, capabilities: ClientCapabilities) -> str:
        """The id of a new session."""
        session_id, told = uuid.uuid4().hex, capabilities.model_dump_json(by_alias=True, exclude_none=True)
        await self._open(keys=[_key(session_id), _all(who)], args=[session_id, _owner(who), self._idle_ms, self._most, told])
        return session_id

    async def use(self, session_id: str, who: Principal) -> McpSession:
        """Raises NotFound, as the protocol wants it, also for somebody else's."""
        known = await self._use(keys=[_key(session_id), _all(who)], args=[session_id, _owner(who), self._idle_ms])
        if known is None:
            raise NotFound(GONE)
        capabilities, level = known
        return McpSession(session_id, level, ClientCapabilities.model_validate_json(capabilities, by_name=False))

    async def choose(self, session: McpSession, level: str) -> None:
        await self._cache.hset(_key(session.id), "level", level)

    async def close(self, session_id: str, who: Principal) -> None:
        """Raises NotFound."""
        await self.use(session_id, who)
        async with self._cache.pipeline(transaction=True) as pipe:
            pipe.delete(_key(session_id))
            pipe.zrem(_all(who), session_id)
            await pipe.execute()


def _owner(who: Principal) -> str:
    """The credential that opened it; a signed-in person's tokens change, the person does not."""
    return f"{who.organisation_id}/{who.user_id}/{who.key_id or ''}"


def _key(session_id: str) -> str:
    return f"mcp:session:{session_id[:64]}"


def _all(who: Principal) -> str:
    return f"mcp:sessions:{who.organisation_id}:{who.user_id}"
