from __future__ import annotations

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient

from api.web.exchange import ExchangeMiddleware
from api.web.headers import HeaderLimitMiddleware
from tests.api.fixtures.metering import served


@pytest.fixture
def app() -> FastAPI:
    app = FastAPI()
    app.add_middleware(HeaderLimitMiddleware, most=20, max_bytes=4000)
    app.add_middleware(ExchangeMiddleware, timeout_s=60)

    @app.get("/")
    async def root() -> str:
        return "here"

    return app


@pytest.fixture
async def client(app):
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost") as client:
        yield client


async def test_ordinary_headers_are_taken(client):
    assert (await client.get("/", headers={"Authorization": "Bearer " + "x" * 3000})).status_code == 200


async def test_too_many_headers_are_refused(client, error):
    refused = await client.get("/", headers={f"X-{number}": "x" for number in range(30)})
    assert refused.status_code == 431
    assert error(refused)["code"] == "headers_too_large"
    assert "http.max_headers" in error(refused)["message"]


async def test_too_large_headers_are_refused(client, error):
    refused = await client.get("/", headers={"X-Long": "x" * 4000})
    assert refused.status_code == 431
    assert "http.max_header_bytes" in error(refused)["message"]


async def test_they_are_refused_behind_a_real_server_too(app):
    """Whose own limits are none: uvicorn with httptools."""
    async with served(app) as address, AsyncClient(base_url=address) as client:
        assert (await client.get("/", headers={"X-Long": "x" * 60_000})).status_code == 431
        assert (await client.get("/", headers=[("X-Many", "x")] * 500)).status_code == 431
        assert (await client.get("/")).status_code == 200
