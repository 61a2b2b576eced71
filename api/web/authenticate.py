"""Nobody passes without saying who they are: the bearer token of a request becomes its principal, before anything else looks at it."""

from __future__ import annotations

import re
from collections.abc import Iterable
from enum import StrEnum
from typing import Protocol

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from api.web.errors import error_response, refuse
from api.web.principal import Principal
from cluster.errors import Forbidden, HearthError, Unauthorized

CHALLENGE = {"WWW-Authenticate": 'Bearer realm="hearth"'}
NOBODY = "Say who you are: send `Authorization: Bearer <API key or access token>`."
# Longer is no token of anybody's; Keycloak's with many roles have some 4 KiB.
LONGEST_TOKEN = 16_384
SOCKET_TOKEN = "bearer."  # noqa: S105 - what stands before one
_BEARER = re.compile(r"Bearer +([\x21-\x7e]+)", re.IGNORECASE)

PUBLIC = (
    r"/healthz|/readyz",
    r"/docs(/assets/[A-Za-z0-9._-]+)?|/openapi\.json",
    r"/api/v1/auth/(login|refresh|invitation|oidc|oidc/[^/]+/(authorize|callback))",
    # The state is the permission: a browser comes here from another server.
    r"/api/v1/mcp/login",
    # The token is the permission: EventSource sends no headers.
    r"/stream/[^/]+",
    r"/api(/v1)?/chat/shared/[^/]+",
    # The signature is the permission.
    r"/api/v1/integration/hooks/[^/]+",
)
METRICS = r"/metrics"
# Clients of LangGraph show a key in a header of its own.
KEY_HEADER, KEY_PATHS = "x-api-key", "/langgraph/"
_IDENTITY = re.compile(r"/api/v1/((auth|users|organisations|teams|keys|audit|secrets)(/|$)|limits/)")
# LangGraph's clients search by POST. The state is changed by POST, too.
_ASKS = re.compile(r"/langgraph/((assistants|threads)/(search|count)|assistants/[^/]+/versions|threads/[^/]+/(history|state/checkpoint))")


class KeyScope(StrEnum):
    """What an API key may be limited to. A key without scopes may do whatever its owner's role allows."""

    MODELS = "models"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Authenticator(Protocol):
    async def principal(self, token: str) -> Principal:
        """Whose ``token`` it is. Raises Unauthorized for nobody's, and Unavailable when that cannot be found out now."""


class AuthenticateMiddleware:
    """Sets ``request.state.principal``, or answers 401. ``public``: patterns of whole paths that are answered to everybody; a token sent
    there is not looked at, so that somebody with an expired one can still sign in."""

    def __init__(self, app: ASGIApp, authenticator: Authenticator, public: Iterable[str]) -> None:
        self._app = app
        self._authenticator = authenticator
        self._public = re.compile("|".join(f"(?:{pattern})" for pattern in public))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http" or self._public.fullmatch(scope["path"]):
            await self._app(scope, receive, send)
            return
        try:
            principal = await self._authenticator.principal(token_of(Headers(scope=scope), scope["path"]))
            need_scope(principal, scope["method"], scope["path"])
        except HearthError as error:
            await error_response(error, _challenge(error))(scope, receive, send)
            return
        scope["state"]["principal"] = principal
        await self._app(scope, receive, send)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """A token that is shown must count. Without one the endpoint waits for it (see api/web/sockets.py)."""
        try:
            token = socket_token(Headers(scope=scope))
            if token is not None:
                need_scope(await self._authenticator.principal(token), "GET", scope["path"])
        except HearthError as error:
            await refuse(error, scope, receive, send, _challenge(error))
            return
        await self._app(scope, receive, send)


def bearer(headers: Headers) -> str:
    """The one bearer token. Raises Unauthorized when there is none, or several: which is meant could not be known."""
    given = headers.getlist("authorization")
    found = _BEARER.fullmatch(given[0].strip()) if len(given) == 1 else None
    if found is None or len(found[1]) > LONGEST_TOKEN:
        raise Unauthorized(NOBODY)
    return found[1]


def token_of(headers: Headers, path: str) -> str:
    """The token that a request to ``path`` shows: the bearer token, or, below /langgraph, the header x-api-key. Raises Unauthorized where
    both are shown."""
    given = headers.getlist(KEY_HEADER) if path.startswith(KEY_PATHS) else []
    if not given:
        return bearer(headers)
    if "authorization" in headers or len(given) > 1 or not given[0] or len(given[0]) > LONGEST_TOKEN:
        raise Unauthorized("Say once who you are: in the header Authorization, or in x-api-key.")
    return given[0]


def offered(headers: Headers) -> list[str]:
    """The subprotocols that a WebSocket offers."""
    given = ",".join(headers.getlist("sec-websocket-protocol"))
    return [name for name in map(str.strip, given.split(",")) if name]


def socket_token(headers: Headers) -> str | None:
    """Of a WebSocket: in the header, or, because a browser sends none of its choice, as the subprotocol `bearer.<token>`. None where it
    shows none. Raises Unauthorized for several."""
    shown = [name.removeprefix(SOCKET_TOKEN) for name in offered(headers) if name.startswith(SOCKET_TOKEN)]
    if "authorization" in headers:
        shown.append(bearer(headers))
    if not shown:
        return None
    if len(shown) > 1 or not shown[0] or len(shown[0]) > LONGEST_TOKEN:
        raise Unauthorized("Say once who you are: in the header Authorization, or as the subprotocol `bearer.<token>`.")
    return shown[0]


def scope_for(method: str, path: str) -> KeyScope:
    """What a key with scopes needs for a request."""
    if _IDENTITY.match(path):
        return KeyScope.ADMIN
    if path.startswith("/v1/"):
        return KeyScope.MODELS
    if path.startswith("/ofrep/") or _ASKS.fullmatch(path):
        return KeyScope.READ  # though it is a POST
    return KeyScope.READ if method in {"GET", "HEAD"} else KeyScope.WRITE


def need_scope(principal: Principal, method: str, path: str) -> None:
    """Raises Forbidden where the key shown is limited to other things."""
    needed = scope_for(method, path)
    if principal.scopes and needed not in principal.scopes and path != "/api/v1/auth/verify":
        raise Forbidden(f"This needs the scope '{needed}', which the API key shown does not have; use another key, or make one with it.")


def _challenge(error: HearthError) -> dict[str, str] | None:
    return CHALLENGE if error.status == Unauthorized.status else None
