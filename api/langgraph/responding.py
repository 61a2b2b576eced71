"""Answers to LangGraph's clients: JSON, JSON that is waited for, and streams that can be resumed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import aclosing
from typing import Any

from pydantic_core import to_json
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.langgraph.repository import Placed
from api.langgraph.streaming import RunFeed
from api.web.attend import while_connected
from api.web.errors import error_json, public
from api.web.exchange import exchange_of
from api.workflows.install import Graphs
from cluster.errors import Cancelled, DeadlineExceeded

# What is done for somebody who left.
Left = Callable[[], Awaitable[None]]


def json(data: Any, headers: Mapping[str, str] | None = None) -> Response:
    return Response(to_json(data), headers=dict(headers or {}), media_type="application/json")


def place(placed: Placed) -> str:
    """Where a run is found. Without the prefix: the SDK puts its base URL before it, as it does before what it asks itself."""
    run, thread = placed
    return f"/threads/{thread.thread_id or run.thread}/runs/{run.id}"


async def waited(feed: RunFeed) -> AsyncGenerator[bytes, None]:
    """The final values as JSON; blank lines before it while they are waited for."""
    async with aclosing(feed.settled()) as settled:
        async for _ in settled:
            yield b"\n"
    yield to_json(await feed.final())


class Followed(Response):
    """``pieces`` as they come. ``whole``: they are one document, and one that is not at its end when the request's time is over is broken
    off, so that the SDK asks again at `Location`; a stream just ends, and is read on from its last event. ``left``: done when whoever reads
    leaves."""

    charset = "utf-8"

    def __init__(
        self, graphs: Graphs, pieces: AsyncGenerator[bytes, None], placed: Placed, *, whole: bool = False, left: Left | None = None
    ) -> None:
        self.status_code = 200
        self.background = None
        self.media_type = "application/json" if whole else "text/event-stream"
        self._graphs = graphs
        self._pieces = pieces
        self._whole = whole
        self._left = left
        where = place(placed)
        on = {"Content-Location": where, "Location": f"{where}/{'join' if whole else 'stream'}"}
        self.init_headers({**on, "Cache-Control": "no-cache, no-transform", "X-Accel-Buffering": "no"})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange, gone = exchange_of(scope), True
        try:
            await while_connected(receive, self._write(send, exchange.deadline))
            gone = False
        except Cancelled:
            exchange.left = True
        except DeadlineExceeded:
            gone = False
            raise
        finally:
            # Also where the server says by cancelling that the caller left.
            if gone and self._left is not None:
                self._graphs.aside(self._left())

    async def _write(self, send: Send, deadline: float) -> None:
        async with aclosing(self._pieces):
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                async with asyncio.timeout_at(deadline) as limit:
                    await self._pump(send)
            except TimeoutError:
                if self._whole and limit.expired():
                    raise DeadlineExceeded("The run goes on past the time of a request (http.request_timeout_s); join it again.") from None
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _pump(self, send: Send) -> None:
        try:
            async for piece in self._pieces:
                await send({"type": "http.response.body", "body": piece, "more_body": True})
        except TimeoutError:
            raise
        except Exception as error:  # noqa: BLE001 - the headers are out: only the body can still say what happened
            body = error_json(public(error))
            await send(
                {"type": "http.response.body", "body": body if self._whole else b"event: error\ndata: " + body + b"\n\n", "more_body": True}
            )
