"""A span around every request, where traces are collected."""

from __future__ import annotations

from opentelemetry.trace import Span, SpanKind
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.web.exchange import exchange_of
from cluster.tracing import PARENT, continued, span


class TracingMiddleware:
    """Continues the caller's trace (``traceparent``), and says method, path, status and model; nothing of what was sent. OpenTelemetry's
    own instrumentation of ASGI is not used: it keeps a span for each message of a stream, and whole URLs, which may hold tokens."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        method = scope.get("method", "WEBSOCKET")
        with continued(Headers(scope=scope).get(PARENT)), span(method, {"http.request.method": method}, kind=SpanKind.SERVER) as opened:

            async def send_noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    opened.set_attribute("http.response.status_code", message["status"])
                await send(message)

            try:
                await self._app(scope, receive, send_noting)
            finally:
                _describe(opened, scope, method)


def _describe(opened: Span, scope: Scope, method: str) -> None:
    path = getattr(scope.get("route"), "path_format", None)
    if path is not None:
        opened.update_name(f"{method} {path}")
        opened.set_attribute("http.route", path)
    if "exchange" in scope.get("state", {}):
        exchange = exchange_of(scope)
        opened.set_attribute("hearth.request_id", exchange.request_id)
        if exchange.model:
            opened.set_attribute("gen_ai.request.model", exchange.model)
