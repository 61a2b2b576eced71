"""How much one caller may send, and how many may be here at once."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.web.errors import error_response, refuse
from api.web.exchange import exchange_of
from cluster.errors import Overloaded, SlowRequest, TooLarge

# Answered even when everything else is full: whoever watches the service must still see it.
_UNCOUNTED = frozenset({"/healthz", "/readyz", "/metrics"})
_GIVEN_UP = frozenset({SlowRequest.status, TooLarge.status})
_CLOSE = {"Connection": "close"}


class BodyLimitMiddleware:
    """Refuses a body over ``max_bytes``: at once where its length is declared, else as soon as the bytes counted exceed it. Reading the
    body also ends at the request's deadline. The errors are raised from ``receive``, where the endpoint reads; the connection is closed
    after them, because the rest of the body would only be read to be thrown away."""

    def __init__(self, app: ASGIApp, max_bytes: int) -> None:
        self._app = app
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = Headers(scope=scope).get("content-length", "0")
        if declared.isdecimal() and int(declared[:20]) > self._max_bytes:
            await error_response(self._too_large(), _CLOSE)(scope, receive, send)
            return
        counted, complete = 0, False
        exchange = exchange_of(scope)

        async def receive_counting() -> Message:
            nonlocal counted, complete
            if complete:
                return await receive()
            message = await _by(exchange.deadline, receive)
            counted += len(message.get("body", b""))
            if counted > self._max_bytes:
                raise self._too_large()
            complete = not message.get("more_body", False)
            return message

        async def send_closing(message: Message) -> None:
            if message["type"] == "http.response.start" and message["status"] in _GIVEN_UP and not complete:
                MutableHeaders(scope=message).update(_CLOSE)
            await send(message)

        await self._app(scope, receive_counting, send_closing)

    def _too_large(self) -> TooLarge:
        return TooLarge(f"The request body is larger than {self._max_bytes} bytes; send less, or raise the setting http.max_body.")


async def _by(deadline: float, receive: Receive) -> Message:
    with suppress(TimeoutError):
        async with asyncio.timeout_at(deadline):
            return await receive()
    raise SlowRequest("The request body did not arrive within the time a request may take (setting http.request_timeout_s); send it again.")


class ConnectionLimitMiddleware:
    """Answers 429 while ``most`` requests are open, streams and WebSockets included."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most
        self._open = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"} or scope["path"] in _UNCOUNTED:
            await self._app(scope, receive, send)
            return
        if self._open >= self._most:
            message = f"{self._most} requests are open, the most that are taken at once (setting http.max_connections); retry in 1 s."
            await refuse(Overloaded(message), scope, receive, send)
            return
        self._open += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._open -= 1
