"""An MCP server that wants OAuth, and the authorization server that it trusts, as one server on loopback.

It registers whoever asks, agrees to every consent at once, and gives out tokens that it takes back on request. Its one tool, `whoami`, says
which token it was called with.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from aiohttp import web

from cluster.fakes.loopback import LoopbackServer

CLIENT, SECRET = "hearth-client", "hearth-client-secret"
TOOL = {"name": "whoami", "description": "Says which token it was called with.", "inputSchema": {"type": "object", "properties": {}}}


@dataclass
class SigningServer(LoopbackServer):
    """``lives_s``: what is said of how long tokens live. ``valid``: the access tokens that are taken. ``granted``: what each token was
    given for, in order. ``elsewhere``: the authorization server that is named in place of this one."""

    lives_s: int = 3600
    valid: set[str] = field(default_factory=set)
    granted: list[str] = field(default_factory=list)
    elsewhere: str | None = None
    _codes: dict[str, Mapping[str, str]] = field(default_factory=dict)
    _renewing: set[str] = field(default_factory=set)

    def application(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/.well-known/oauth-protected-resource/mcp", self._resource)
        app.router.add_get("/.well-known/oauth-authorization-server", self._metadata)
        app.router.add_post("/register", self._register)
        app.router.add_get("/authorize", self._authorize)
        app.router.add_post("/token", self._token)
        app.router.add_post("/mcp", self._mcp)
        return app

    async def _resource(self, _: web.Request) -> web.Response:
        return web.json_response({"resource": f"{self.url}/mcp", "authorization_servers": [self.elsewhere or self.url]})

    async def _metadata(self, _: web.Request) -> web.Response:
        told: dict[str, Any] = {name: f"{self.url}/{path}" for name, path in _ENDPOINTS.items()}
        told |= {"issuer": self.url, "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"]}
        return web.json_response(told | {"token_endpoint_auth_methods_supported": ["client_secret_basic", "none"]})

    async def _register(self, request: web.Request) -> web.Response:
        return web.json_response({**(await request.json()), "client_id": CLIENT, "token_endpoint_auth_method": "none"}, status=201)

    async def _authorize(self, request: web.Request) -> web.Response:
        code = secrets.token_urlsafe(8)
        self._codes[code] = dict(request.query)
        back = urlencode({"code": code, "state": request.query["state"]})
        raise web.HTTPFound(f"{request.query['redirect_uri']}?{back}")

    async def _token(self, request: web.Request) -> web.Response:
        given = {name: str(value) for name, value in (await request.post()).items()}
        kind = given["grant_type"]
        if not self._is_right(kind, given, request.headers.get("Authorization", "")):
            return web.json_response({"error": "invalid_grant"}, status=400)
        access, renewing = secrets.token_urlsafe(8), secrets.token_urlsafe(8)
        self.valid.add(access)
        self.granted.append(kind)
        told: dict[str, Any] = {"access_token": access, "token_type": "Bearer", "expires_in": self.lives_s}
        if kind != "client_credentials":
            self._renewing.add(renewing)
            told["refresh_token"] = renewing
        return web.json_response(told)

    def _is_right(self, kind: str, given: Mapping[str, str], authorization: str) -> bool:
        if kind == "client_credentials":
            return authorization == f"Basic {base64.b64encode(f'{CLIENT}:{SECRET}'.encode()).decode()}"
        if kind == "refresh_token":
            known = given["refresh_token"] in self._renewing
            self._renewing.discard(given["refresh_token"])
            return known
        asked = self._codes.pop(given.get("code", ""), None)
        digest = base64.urlsafe_b64encode(hashlib.sha256(given.get("code_verifier", "").encode()).digest()).decode().rstrip("=")
        return asked is not None and asked["code_challenge"] == digest and asked["redirect_uri"] == given["redirect_uri"]

    async def _mcp(self, request: web.Request) -> web.Response:
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if token not in self.valid:
            challenge = f'Bearer resource_metadata="{self.url}/.well-known/oauth-protected-resource/mcp"'
            return web.json_response({}, status=401, headers={"WWW-Authenticate": challenge})
        message = await request.json()
        if "id" not in message:
            return web.Response(status=202)
        results = {
            "initialize": {
                "protocolVersion": "2025-11-25",
                "capabilities": {"tools": {}},
                "serverInfo": {"name": "signing", "version": "1"},
            },
            "tools/list": {"tools": [TOOL]},
            "tools/call": {"content": [{"type": "text", "text": f"You are {token}."}]},
        }
        result = results.get(message["method"])
        told = {"result": result} if result is not None else {"error": {"code": -32601, "message": "Method not found"}}
        return web.json_response({"jsonrpc": "2.0", "id": message["id"], **told})


_ENDPOINTS = {"authorization_endpoint": "authorize", "token_endpoint": "token", "registration_endpoint": "register"}
