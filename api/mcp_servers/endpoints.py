"""``/api/v1/mcp/servers``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.audit.trail import WithOrigin
from api.conversations.examples import ok
from api.mcp_servers.login import WithLogins
from api.mcp_servers.schemas import (
    SERVER_NAME,
    LoginForgotten,
    LoginStarted,
    ServerAnswer,
    ServerBody,
    ServerList,
    ServerPatch,
    ServerRemoved,
    ServerTested,
    ServerTools,
)
from api.mcp_servers.service import ServerService
from api.tools.install import WithTools
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithParts
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/mcp/servers", tags=["mcp servers"])
TAG = {"name": "mcp servers", "description": "Servers of the Model Context Protocol whose tools your organisation uses."}

READS = (*READING, 401, 403, 404, 422, 503)
WRITES = (*WORKING, 401, 403, 409)
ASKS = (*READS, 409, 413, 424)
BODY = {"name": "weather", "url": "https://weather.example.org/mcp", "headers": {"Authorization": "Bearer secret:WEATHER"}}
SERVER = {
    "id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11",
    "name": "weather",
    "description": "",
    "transport": "streamable_http",
    "url": BODY["url"],
    "command": None,
    "arguments": [],
    "headers": BODY["headers"],
    "environment": {},
    "auth": None,
    "allow": None,
    "deny": [],
    "timeout_s": None,
    "role": "editor",
    "trusted": False,
    "enabled": True,
    "created_at": "2026-11-21T08:30:00Z",
    "updated_at": "2026-11-21T08:30:00Z",
    "tools": 3,
    "listed_at": "2026-11-21T08:30:02Z",
    "problem": None,
}
TOOL = {
    "name": "weather__today",
    "own_name": "today",
    "title": "Today",
    "description": "The weather of a place.",
    "effects": "once",
    "dangerous": True,
    "parameters": {"type": "object"},
}
STARTED = {"url": "https://auth.example.org/authorize?response_type=code&client_id=hearth&state=kJ2h", "expires_in_s": 600}
ServerName = Annotated[str, Path(pattern=SERVER_NAME, description="A server's name.")]


async def serving(parts: WithParts, desk: WithTools, who: AsAdmin, origin: WithOrigin) -> ServerService:
    return ServerService(parts, desk, who, origin)


Serving = Annotated[ServerService, Depends(serving)]


@router.get("", summary="List MCP servers", response_model=Success[ServerList], responses=responses(ok({"servers": [SERVER]}), READS))
async def list_servers(service: Serving) -> Response:
    """Those of your organisation, by name."""
    return success(await service.all())


@router.post(
    "",
    summary="Add an MCP server",
    response_model=Success[ServerAnswer],
    responses=responses(ok(SERVER | {"tools": None, "listed_at": None}), WRITES),
    openapi_extra=json_request(ServerBody, BODY),
)
async def add_server(service: Serving, body: Annotated[ServerBody, Depends(json_body(ServerBody, Unprocessable))]) -> Response:
    """Nothing is asked yet: its tools are listed when somebody first looks at tools, or by `refresh`. A server that wants OAuth is signed
    in at as `auth` says: with credentials of your organisation, or by a person, with `login`; others may want a header, from a secret."""
    return success(await service.add(body))


@router.get("/{server}", summary="One MCP server", response_model=Success[ServerAnswer], responses=responses(ok(SERVER), READS))
async def get_server(service: Serving, server: ServerName) -> Response:
    """How it is reached, which of its tools are taken, and what its last problem was."""
    return success(await service.one(server))


@router.patch(
    "/{server}",
    summary="Change an MCP server",
    response_model=Success[ServerAnswer],
    responses=responses(ok(SERVER), WRITES),
    openapi_extra=json_request(ServerPatch, {"enabled": False}),
)
async def change_server(
    service: Serving, server: ServerName, body: Annotated[ServerPatch, Depends(json_body(ServerPatch, Unprocessable))]
) -> Response:
    """What is left out stays. A server that is reached otherwise is asked for its tools anew."""
    return success(await service.change(server, body))


@router.delete(
    "/{server}", summary="Remove an MCP server", response_model=Success[ServerRemoved], responses=responses(ok({"name": "weather"}), READS)
)
async def remove_server(service: Serving, server: ServerName) -> Response:
    """Its tools are gone at once; calls of them stay in the history."""
    return success(await service.remove(server))


@router.get(
    "/{server}/tools",
    summary="An MCP server's tools",
    response_model=Success[ServerTools],
    responses=responses(ok({"tools": [TOOL]}), READS),
)
async def server_tools(service: Serving, server: ServerName) -> Response:
    """Those that are taken, as they were listed last."""
    return success(await service.tools(server))


@router.post(
    "/{server}/refresh",
    summary="List an MCP server's tools anew",
    response_model=Success[ServerTools],
    responses=responses(ok({"tools": [TOOL]}), ASKS),
)
async def refresh_server(request: Request, service: Serving, server: ServerName) -> Response:
    """Servers that say when their tools change are asked by themselves. 424: it does not answer as it should."""
    return success(await attend(request, service.refresh(server)))


@router.post(
    "/{server}/test",
    summary="Test the connection to an MCP server",
    response_model=Success[ServerTested],
    responses=responses(ok({"reachable": True, "tools": 3, "ms": 120, "problem": None}), READS),
)
async def test_server(request: Request, service: Serving, server: ServerName) -> Response:
    """Connects, lists its tools, and says what is wrong."""
    return success(await attend(request, service.test(server)))


@router.post(
    "/{server}/login",
    summary="Sign in at an MCP server",
    response_model=Success[LoginStarted],
    responses=responses(ok(STARTED), (*ASKS, 429)),
)
async def login(request: Request, service: Serving, logins: WithLogins, server: ServerName) -> Response:
    """Of one whose `auth` is `authorization_code`: asks where a person gives their consent. Send a browser to `url`; what comes of it is
    kept as a secret of your organisation, and renewed. 409: the server asks nobody to sign in."""
    return success(await attend(request, service.login(server, logins, str(request.url_for("come_back")))))


@router.delete(
    "/{server}/login",
    summary="Sign out of an MCP server",
    response_model=Success[LoginForgotten],
    responses=responses(ok({"name": "weather", "was_signed_in": True}), READS),
)
async def logout(service: Serving, server: ServerName) -> Response:
    """Forgets the tokens, and how we were registered there; the server is not told."""
    return success(await service.logout(server))
