"""Who may talk to a service that has no accounts: programs on this machine, and no web page of somebody else's.

Starlette's TrustedHostMiddleware is not used: it answers in plain text and does not understand ``[::1]:8003``.
"""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.web.errors import error_response, refuse
from cluster.errors import BadInput, Forbidden, HearthError

# Nothing but the docs pages is a document; they state their own policy.
POLICY = "default-src 'none'; frame-ancestors 'none'"
_HEADERS = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


class SecurityMiddleware:
    """Refuses a request addressed to a host that is not in ``hosts`` (DNS rebinding) or sent by a page of another origin (a form can post
    without CORS), and adds the security headers to every answer."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str], origins: Sequence[str]) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)
        self._origins = frozenset(origins)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            # A browser lets any page open one: without this, a page of somebody else's could use what the browser knows.
            refused = self._refusal(Headers(scope=scope), "WEBSOCKET")
            await (refuse(refused, scope, receive, send) if refused else self._app(scope, receive, send))
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def send_guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers[name] = value
                headers.setdefault("Content-Security-Policy", POLICY)
            await send(message)

        refusal = self._refusal(Headers(scope=scope), scope["method"])
        app = error_response(refusal) if refusal else self._app
        await app(scope, receive, send_guarded)

    def _refusal(self, headers: Headers, method: str) -> HearthError | None:
        host = headers.get("host", "")
        name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
        if "*" not in self._hosts and name.lower() not in self._hosts:
            return BadInput(f"This service does not answer to the host '{name[:100]}'; use localhost, or add it to http.allowed_hosts.")
        origin = headers.get("origin")
        if origin is None or method in {"GET", "HEAD", "OPTIONS"} or origin in self._origins or urlsplit(origin).netloc == host:
            return None
        return Forbidden(f"Pages of the origin '{origin[:100]}' may not send requests here; add it to http.cors_origins to allow it.")
