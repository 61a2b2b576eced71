"""One log line and one count for every request. Bodies, prompts and headers are never logged."""

from __future__ import annotations

import asyncio

import structlog
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.web.exchange import Exchange, exchange_of
from api.web.metrics import Metrics

log = structlog.get_logger("api.access")

_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_OPENED = {"websocket.accept": 101, "websocket.close": 403}
# Asked for every few seconds by whoever watches the service; a line for each would bury the others.
_QUIET = frozenset({"/healthz", "/readyz", "/metrics"})


class ObserveMiddleware:
    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status = 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        except asyncio.CancelledError:  # how Ray Serve says that the caller left
            exchange_of(scope).left = True
            raise
        finally:
            self._report(scope, exchange_of(scope), status)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Counted when it ends, as 101 where it was open, else by the status it was refused with."""
        status = 0

        async def send_noting(message: Message) -> None:
            nonlocal status
            status = status or _OPENED.get(message["type"]) or int(message.get("status", 0))
            await send(message)

        try:
            await self._app(scope, receive, send_noting)
        finally:
            seconds = asyncio.get_running_loop().time() - exchange_of(scope).arrived
            path = getattr(scope.get("route"), "path_format", "unmatched")
            self._metrics.requests.labels("WEBSOCKET", path, str(status or 500)).inc()
            log.info("socket", path=path, status=status or 500, duration_ms=round(seconds * 1000, 2))

    def _report(self, scope: Scope, exchange: Exchange, status: int) -> None:
        seconds = asyncio.get_running_loop().time() - exchange.arrived
        path = getattr(scope.get("route"), "path_format", "unmatched")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        status = 499 if exchange.left else status or 500
        self._metrics.requests.labels(method, path, str(status)).inc()
        self._metrics.latency.labels(path).observe(seconds)
        if path in _QUIET and status == 200:
            return
        fields: dict[str, str | int] = {"model": exchange.model} if exchange.model else {}
        if exchange.usage is not None:
            fields |= {"prompt_tokens": exchange.usage.prompt_tokens, "completion_tokens": exchange.usage.completion_tokens}
        log.info("request", method=method, path=path, status=status, duration_ms=round(seconds * 1000, 2), **fields)
