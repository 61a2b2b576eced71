"""From HTTP to the server and back: the SDK's transport, with sessions that belong to somebody and live in no process."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from mcp.server.lowlevel import Server
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp_types import ClientCapabilities
from mcp_types.version import HANDSHAKE_PROTOCOL_VERSIONS
from pydantic import ValidationError
from pydantic_core import from_json
from starlette.datastructures import MutableHeaders
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.types import Message, Receive, Scope, Send

from api.mcp.attending import KEPT_S, bell_of
from api.mcp.client import answer_bell
from api.mcp.line import Line
from api.mcp.sessions import Sessions
from api.mcp.subscriptions import Subscriptions
from api.web.bells import Bells
from api.web.bodies import content_type
from api.web.exchange import exchange_of
from api.web.principal import Principal
from api.web.sse import event_stream
from cluster.ending import end
from cluster.errors import BadInput, Cancelled, TooLarge, UnsupportedMedia
from cluster.settings import ToolSettings

# Longer than tools.watch_s may be.
IDLE_S = 600.0
SESSION, VERSION = "mcp-session-id", "mcp-protocol-version"


class Door:
    """Belongs to one event loop; serves between :meth:`start` and :meth:`stop`."""

    def __init__(self, server: Server[Any], sessions: Sessions, subscriptions: Subscriptions, bells: Bells, settings: ToolSettings) -> None:
        self.sessions = sessions
        self._subscriptions = subscriptions
        self._server = server
        self._bells = bells
        self._most = settings.request_bytes
        self._manager: StreamableHTTPSessionManager | None = None
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        ready = asyncio.Event()
        self._serving = asyncio.create_task(self._serve(ready))
        await ready.wait()

    async def stop(self) -> None:
        """Requests that are being answered are broken off."""
        if self._serving is not None:
            await end([self._serving])

    async def answer(self, request: Request, who: Principal) -> Response:
        """Raises UnsupportedMedia, TooLarge, NotFound for a session that is not theirs, and what the body limits raise."""
        kind = content_type(request)
        if kind != "application/json":
            raise UnsupportedMedia(f"Messages are JSON, found {kind[:100] or 'no content type'}; send Content-Type: application/json.")
        body = await _whole(request, self._most)
        session_id, opened = request.headers.get(SESSION), None
        request.scope["state"]["mcp_session"] = None
        if request.headers.get(VERSION, HANDSHAKE_PROTOCOL_VERSIONS[0]) in HANDSHAKE_PROTOCOL_VERSIONS:
            told = _told(body)
            if told.get("method") == "initialize":
                opened = await self.sessions.open(who, _capabilities(told))
            elif session_id is not None:
                request.scope["state"]["mcp_session"] = await self.sessions.use(session_id, who)
                if _is_answer(told):
                    await self._take(answer_bell(session_id, told.get("id")), body)
                    return Response(status_code=202)
                await self._heed(session_id, told)
        assert self._manager is not None
        return _Passed(self._manager, body, opened)

    async def listen(self, request: Request, who: Principal) -> Response:
        """The stream of a session, on which its client hears of changes. Raises BadInput where none is named, NotFound for no such."""
        session_id, until = request.headers.get(SESSION), exchange_of(request.scope).deadline
        if session_id is None:
            raise BadInput("There is a stream for a session only; send the Mcp-Session-Id that 'initialize' gave.")
        return await event_stream(request, self._subscriptions.changes(session_id, who, until), IDLE_S)

    async def _take(self, bell: str, body: bytes) -> None:
        """What was asked may be waited for in another process; what was not is kept nowhere."""
        if await self._bells.is_expected(bell):
            await self._bells.ring(bell, body.decode(), KEPT_S)

    async def _heed(self, session_id: str, told: Mapping[str, Any]) -> None:
        """A request that is taken back may be carried out by another process."""
        params = told.get("params")
        if told.get("method") == "notifications/cancelled" and isinstance(params, dict) and "requestId" in params:
            await self._bells.ring(bell_of(session_id, params["requestId"]), "cancelled", KEPT_S)

    async def _serve(self, ready: asyncio.Event) -> None:
        """In a task of its own: what the manager opens must be closed by the task that opened it."""
        self._manager = StreamableHTTPSessionManager(self._server, stateless=True, max_request_body_size=self._most)
        async with self._manager.run():
            ready.set()
            await asyncio.Event().wait()


class _Passed(Response):
    """Whatever the SDK answers to ``body``. ``opened``: the session that this opens."""

    def __init__(self, manager: StreamableHTTPSessionManager, body: bytes, opened: str | None) -> None:
        super().__init__()
        self._manager = manager
        self._asked = body
        self._opened = opened

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        given, line = False, Line(send)
        scope["state"]["mcp_line"] = line

        async def receive_again() -> Message:
            nonlocal given
            if given:
                return await receive()
            given = True
            return {"type": "http.request", "body": self._asked, "more_body": False}

        async def send_opened(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["status"] = int(message["status"])  # a number with a name, where a log wants a number
                if self._opened is not None and message["status"] == 200:
                    MutableHeaders(scope=message)[SESSION] = self._opened
            await line.pass_on(message)

        await self._manager.handle_request(scope, receive_again, send_opened)


async def _whole(request: Request, most: int) -> bytes:
    """The body. Raises TooLarge as soon as it is."""
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > most:
                raise TooLarge(f"The message is larger than {most} bytes; send less, or raise the setting tools.request_bytes.")
    except ClientDisconnect:
        raise Cancelled("The caller left before the request was complete.") from None
    return bytes(body)


def _told(body: bytes) -> Mapping[str, Any]:
    """The message, as far as it is one; the SDK says what is wrong with any other."""
    try:
        message = from_json(body)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}


def _is_answer(told: Mapping[str, Any]) -> bool:
    """Does it answer a request of ours?"""
    return "method" not in told and "id" in told and ("result" in told or "error" in told)


def _capabilities(told: Mapping[str, Any]) -> ClientCapabilities:
    """None, where it says what is none; the SDK refuses the message then."""
    params = told.get("params")
    try:
        return ClientCapabilities.model_validate(params.get("capabilities") if isinstance(params, dict) else {}, by_name=False)
    except ValidationError:
        return ClientCapabilities()
