"""How many headers a request may have.

What stands in front has limits of its own, which answer before this one: HAProxy, as Ray Serve sets it up, takes 101 headers in 16 KiB and
answers 400. But uvicorn with httptools, which is what listens behind it, takes any number of any size, and the API may be run without
HAProxy; so the limit is here.
"""

from __future__ import annotations

from starlette.types import ASGIApp, Receive, Scope, Send

from api.web.errors import refuse
from cluster.errors import HeadersTooLarge

_CLOSE = {"Connection": "close"}


class HeaderLimitMiddleware:
    """Answers 431 to more than ``most`` headers, or more than ``max_bytes`` of them. Belongs before whatever reads headers."""

    def __init__(self, app: ASGIApp, most: int, max_bytes: int) -> None:
        self._app = app
        self._most = most
        self._max_bytes = max_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = self._refusal(scope["headers"]) if scope["type"] in {"http", "websocket"} else None
        if refusal is not None:
            await refuse(refusal, scope, receive, send, _CLOSE)
            return
        await self._app(scope, receive, send)

    def _refusal(self, headers: list[tuple[bytes, bytes]]) -> HeadersTooLarge | None:
        if len(headers) > self._most:
            return HeadersTooLarge(f"The request has {len(headers)} headers, at most {self._most} are taken (setting http.max_headers).")
        size = sum(len(name) + len(value) for name, value in headers)
        if size > self._max_bytes:
            return HeadersTooLarge(
                f"The headers of the request have {size} bytes, at most {self._max_bytes} are taken (setting http.max_header_bytes)."
            )
        return None
