"""`resources/subscribe`, and the stream on which a client hears what has changed since: of revisions that have sessions.

What a client knows of a resource is kept with its session, so that nothing is missed while no stream is open, whichever process opens the
next one. Whether it is still so is looked at every ``tools.watch_s``: resources change in many places, which need not know of clients."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncGenerator

from mcp.shared.exceptions import MCPError
from mcp_types import EmptyResult, SubscribeRequestParams, TextResourceContents, UnsubscribeRequestParams
from redis.asyncio import Redis

from api.mcp.asking import Context, principal_in, session_in
from api.mcp.resources import MISSING, Resources
from api.mcp.sessions import McpSession, Sessions
from api.web.principal import Principal
from api.web.sse import event
from cluster.errors import BadInput, Conflict, NotFound
from cluster.settings import ToolSettings

# A comment, so that nobody on the way takes a silent stream for a dead one.
PING = b": ping\n\n"
GONE = "gone"


class Subscriptions:
    def __init__(self, cache: Redis, sessions: Sessions, resources: Resources, settings: ToolSettings) -> None:
        self._cache = cache
        self._sessions = sessions
        self._resources = resources
        self._settings = settings

    async def subscribe(self, context: Context, params: SubscribeRequestParams) -> EmptyResult:
        session, who, most = _session(context), principal_in(context), self._settings.subscriptions
        if await self._cache.hlen(_key(session.id)) >= most:
            raise Conflict(f"The session watches {most} resources already (setting tools.subscriptions); unsubscribe from one.")
        try:
            mark = await self._mark(who, params.uri)
        except NotFound as error:
            raise MCPError(MISSING, error.message, {"uri": params.uri}) from None
        await self._keep(session.id, params.uri, mark)
        return EmptyResult()

    async def unsubscribe(self, context: Context, params: UnsubscribeRequestParams) -> EmptyResult:
        await self._cache.hdel(_key(_session(context).id), params.uri)
        return EmptyResult()

    async def changes(self, session_id: str, who: Principal, until: float) -> AsyncGenerator[bytes, None]:
        """Events, until the loop's time is ``until``; a client comes again then. Raises NotFound for a session that is not theirs."""
        await self._sessions.use(session_id, who)
        now, said = asyncio.get_running_loop().time, PING
        while True:
            yield said
            if now() + self._settings.watch_s >= until:
                return
            await asyncio.sleep(self._settings.watch_s)
            try:
                await self._sessions.use(session_id, who)
            except NotFound:
                return
            said = b"".join([_updated(uri) for uri in await self._changed(session_id, who)]) or PING

    async def _changed(self, session_id: str, who: Principal) -> list[str]:
        """What is no longer as the client knows it; it is told of each change once."""
        changed: list[str] = []
        for name, known in (await self._cache.hgetall(_key(session_id))).items():
            uri = str(name)
            try:
                mark = await self._mark(who, uri)
            except NotFound:
                mark = GONE
            if mark != known:
                await self._keep(session_id, uri, mark)
                changed.append(uri)
        return changed

    async def _mark(self, who: Principal, uri: str) -> str:
        contents = await self._resources.contents(who, uri)
        held = contents.text if isinstance(contents, TextResourceContents) else contents.blob
        return hashlib.sha256(held.encode()).hexdigest()

    async def _keep(self, session_id: str, uri: str, mark: str) -> None:
        async with self._cache.pipeline(transaction=True) as pipe:
            pipe.hset(_key(session_id), uri, mark)
            pipe.pexpire(_key(session_id), int(self._settings.session_idle_s * 1000))
            await pipe.execute()


def _session(context: Context) -> McpSession:
    session = session_in(context)
    if session is None:
        raise BadInput("What is watched is kept for a session, and this request names none; send the Mcp-Session-Id of 'initialize'.")
    return session


def _updated(uri: str) -> bytes:
    return event(json.dumps({"jsonrpc": "2.0", "method": "notifications/resources/updated", "params": {"uri": uri}}).encode())


def _key(session_id: str) -> str:
    return f"mcp:watched:{session_id[:64]}"
