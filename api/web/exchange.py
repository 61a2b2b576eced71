"""One request and its answer: the id that every log line carries, the deadline, and what logs and metrics say about it afterwards."""

from __future__ import annotations

import asyncio
import math
import re
import uuid
from dataclasses import dataclass, field

import structlog
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from cluster.contracts.generation import Usage
from cluster.contracts.models import ModelStatus
from cluster.specs.prices import Consumption

REQUEST_ID = re.compile(r"[A-Za-z0-9._:+/=-]{1,128}")
NANO_NOTICE = "Answered by a nano demonstration model; configure a larger model for useful answers."


@dataclass(slots=True)
class Exchange:
    """Times are of the running event loop, in seconds. ``model`` is empty until a model is resolved, and then always one that exists.

    ``spent``: what the request used so far, by the models that did the work; it is put on somebody's account when the request has ended,
    whichever way it ended. ``lasting``: what it began and goes on after its answer; the request counts as open until that has ended.
    """

    request_id: str
    arrived: float
    deadline: float
    model: str = ""
    notice: str | None = None
    usage: Usage | None = None
    left: bool = False
    spent: list[tuple[str, Consumption]] = field(default_factory=list)
    lasting: asyncio.Task[None] | None = None

    def serves(self, status: ModelStatus) -> None:
        """Note which model answers; a nano model's answers carry a notice."""
        # Of graphs there are as many as people want, and their names are nobody else's business.
        self.model = "agent" if status.engine == "graph" else status.id
        self.notice = NANO_NOTICE if status.nano else None


def exchange_of(scope: Scope) -> Exchange:
    exchange = scope["state"]["exchange"]
    assert isinstance(exchange, Exchange)
    return exchange


class ExchangeMiddleware:
    """Outermost: gives each request its Exchange, binds the request id to the log context and puts it on the answer.

    A valid inbound ``X-Request-Id`` is kept, any other is replaced. ``echoed``: the server in front adds a valid inbound id to the answer
    by itself (Ray Serve does), so adding it here would say it twice.
    """

    def __init__(self, app: ASGIApp, timeout_s: float, *, echoed: bool = False) -> None:
        self._app = app
        self._timeout_s = timeout_s
        self._echoed = echoed

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        inbound = Headers(scope=scope).get("x-request-id", "")
        kept = REQUEST_ID.fullmatch(inbound) is not None
        now = asyncio.get_running_loop().time()
        # A WebSocket is open for as long as both sides want.
        deadline = now + self._timeout_s if scope["type"] == "http" else math.inf
        exchange = Exchange(inbound if kept else uuid.uuid4().hex, now, deadline)
        scope["state"] = {**scope.get("state", {}), "exchange": exchange}
        add_id = not (self._echoed and kept)

        async def send_marked(message: Message) -> None:
            if message["type"] in {"http.response.start", "websocket.http.response.start"}:
                headers = MutableHeaders(scope=message)
                if add_id:
                    headers["X-Request-Id"] = exchange.request_id
                if exchange.notice:
                    headers["X-Hearth-Notice"] = exchange.notice
            await send(message)

        with structlog.contextvars.bound_contextvars(request_id=exchange.request_id):
            await self._app(scope, receive, send_marked)
