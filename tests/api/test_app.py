from __future__ import annotations

from collections.abc import Iterator

from fastapi import FastAPI
from fastapi.routing import APIRoute
from starlette.routing import Match

from api.app import demo

WATCHED = {"/healthz", "/readyz", "/metrics"}


def routes(app: FastAPI) -> Iterator[tuple[APIRoute, str]]:
    for route in app.routes:
        if isinstance(route, APIRoute):
            for method in route.methods:
                yield route, method


def test_every_route_stands_below_a_version_or_is_for_watchers():
    for route, _ in routes(demo()):
        if route.include_in_schema:
            assert route.path.startswith(("/v1/", "/api/v1/")) or route.path in WATCHED, route.path


def test_no_route_hides_another():
    app = demo()
    for route, method in routes(app):
        scope = {"type": "http", "method": method, "path": route.path.replace("{model}", "a-model"), "headers": []}
        answering = [other for other in app.routes if other.matches(scope)[0] is Match.FULL]
        assert [getattr(other, "path", None) for other in answering] == [route.path], route.path


def test_no_two_routes_have_the_same_name():
    names = [route.operation_id or route.name for route, _ in routes(demo())]
    assert len(names) == len(set(names))
