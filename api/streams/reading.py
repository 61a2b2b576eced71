"""A stream that can be left and read on: when it is cut, for whatever reason, nothing is written that the journal does not hold."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.web.attend import while_connected
from api.web.exchange import exchange_of
from cluster.errors import Cancelled


class Resumable(Response):
    media_type = "text/event-stream"
    charset = "utf-8"

    def __init__(self, pieces: AsyncGenerator[bytes, None]) -> None:
        self.status_code = 200
        self.background = None
        self._pieces = pieces
        # X-Accel-Buffering: proxies are not to collect events before they pass them on.
        self.init_headers({"Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = exchange_of(scope)
        try:
            await while_connected(receive, self._write(send, exchange.deadline))
        except Cancelled:
            exchange.left = True

    async def _write(self, send: Send, deadline: float) -> None:
        async with aclosing(self._pieces):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            # Past the time a request may take the reader connects again by itself, with the id of the last event.
            with suppress(TimeoutError):
                async with asyncio.timeout_at(deadline):
                    async for piece in self._pieces:
                        await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b"", "more_body": False})
