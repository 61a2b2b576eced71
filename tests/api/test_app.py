from __future__ import annotations

import re
from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match

from tests.api.fixtures.application import application, operations

WATCHED = {"/healthz", "/readyz", "/metrics"}
# Short, because whoever prepares a stream hands it on; the token is all that counts.
TOKENED = {"/stream/{token}"}
# Where its clients look for it.
MCP = {"/mcp"}


def routes(app: FastAPI) -> Iterator[tuple[APIRoute, str]]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            for method in route.methods:
                yield route, method


def test_every_route_stands_below_a_version_or_is_for_watchers():
    for route, _ in routes(application()):
        if route.include_in_schema:
            assert route.path.startswith(("/v1/", "/api/v1/", "/ofrep/v1/", "/langgraph/")) or route.path in WATCHED | TOKENED | MCP, (
                route.path
            )


def test_no_route_hides_another():
    app = application()
    for route, method in routes(app):
        path = re.sub(r"\{[a-z_]+(:[a-z_]+)?\}", "0d6a8f0c-7c1e-4d0d-8a55-3b5c2f9d1e44", route.path)
        scope = {"type": "http", "method": method, "path": path, "headers": []}
        first = next(other for other in app.routes if other.matches(scope)[0] is Match.FULL)
        assert first is route, f"{getattr(first, 'path', None)} hides {route.path}"


def test_no_two_operations_have_the_same_name():
    names = [operation["operationId"] for _, _, operation in operations()]
    assert len(names) == len(set(names))
