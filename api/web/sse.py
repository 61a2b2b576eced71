"""Answering with server-sent events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.web.attend import attend, while_connected
from api.web.errors import error_json, public
from api.web.exchange import Exchange, exchange_of
from cluster.errors import Cancelled, DeadlineExceeded

# Seconds a reader that has stopped reading gets to take the last event.
_FAREWELL_S = 5.0


def event(data: bytes) -> bytes:
    return b"data: " + data + b"\n\n"


async def event_stream(request: Request, pieces: AsyncGenerator[bytes, None], idle_s: float) -> Response:
    """A streamed answer, once its first piece is there: what goes wrong before is raised, and becomes an ordinary error answer.

    ``pieces`` are whole events, each written at once, at least one. It is closed as soon as the caller leaves, nothing comes for ``idle_s``
    seconds, or the request's deadline passes; what goes wrong on the way becomes an error event, which ends the stream.
    """
    try:
        head = await attend(request, anext(pieces))
    except BaseException:
        # Also where the caller left in the moment between the first piece and here, when nothing else would close it.
        await pieces.aclose()
        raise
    return EventStream(head, pieces, idle_s)


class EventStream(Response):
    media_type = "text/event-stream"
    charset = "utf-8"

    def __init__(self, head: bytes, pieces: AsyncGenerator[bytes, None], idle_s: float) -> None:
        self.status_code = 200
        self.background = None
        self._head = head
        self._pieces = pieces
        self._idle_s = idle_s
        # X-Accel-Buffering: proxies are not to collect events before they pass them on.
        self.init_headers({"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        async with aclosing(self._pieces):
            try:
                await while_connected(receive, self._write(send, exchange))
            except Cancelled:
                exchange.left = True

    async def _write(self, send: Send, exchange: Exchange) -> None:
        async with aclosing(self._pieces):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            last = await self._pump(send, exchange)
        with suppress(TimeoutError):
            async with asyncio.timeout(_FAREWELL_S):
                await send({"type": "http.response.body", "body": last, "more_body": False})

    async def _pump(self, send: Send, exchange: Exchange) -> bytes:
        """Write all pieces; the event that ends the stream."""
        now = asyncio.get_running_loop().time
        try:
            async with asyncio.timeout_at(min(exchange.deadline, now() + self._idle_s)) as limit:
                await send({"type": "http.response.body", "body": self._head, "more_body": True})
                async for piece in self._pieces:
                    limit.reschedule(min(exchange.deadline, now() + self._idle_s))
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
        except Exception as error:  # noqa: BLE001 - the headers are out: only an event can still say what happened
            late = isinstance(error, TimeoutError) and limit.expired()
            return event(error_json(self._too_slow(exchange, now()) if late else public(error)))
        return event(b"[DONE]")

    def _too_slow(self, exchange: Exchange, now: float) -> DeadlineExceeded:
        if now >= exchange.deadline:
            return DeadlineExceeded("The stream took longer than a request may (setting http.request_timeout_s); ask for fewer tokens.")
        return DeadlineExceeded(f"Nothing came for {self._idle_s:g} s (setting http.stream_idle_timeout_s); send the request again.")
