"""Who asks, in the handlers of the server: what the HTTP request says of it."""

from __future__ import annotations

from typing import Any

from mcp.server.context import ServerRequestContext
from starlette.requests import Request

from api.mcp.line import Line
from api.mcp.sessions import McpSession
from api.web.exchange import Exchange, exchange_of
from api.web.principal import Principal

Context = ServerRequestContext[Any, Any]


def request_of(context: Context) -> Request:
    request = context.request
    assert isinstance(request, Request)
    return request


def principal_in(context: Context) -> Principal:
    principal = request_of(context).state.principal
    assert isinstance(principal, Principal)
    return principal


def exchange_in(context: Context) -> Exchange:
    return exchange_of(request_of(context).scope)


def session_in(context: Context) -> McpSession | None:
    """None where the client has none: with the newest revision of the protocol, or because it did not ask for one."""
    session = request_of(context).scope["state"].get("mcp_session")
    assert session is None or isinstance(session, McpSession)
    return session


def line_in(context: Context) -> Line | None:
    """The stream that answers the request; None before it is served."""
    line = request_of(context).scope["state"].get("mcp_line")
    assert line is None or isinstance(line, Line)
    return line
