"""The protocol's own conformance suite against our server, where it is installed (see suite/running.py)."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from tests.api.fixtures.people import Person
from tests.api.fixtures.tooling import Shop, open_shop, until
from tests.mcp_suite.running import is_installed, run_server
from tests.mcp_suite.shelf import PROMPTS, SuiteShelf
from tests.mcp_suite.tools import add_suite_tools

REVISIONS = ("2026-07-28", "2025-11-25")

pytestmark = pytest.mark.skipif(not is_installed(REVISIONS[0]), reason="MCP_CONFORMANCE names no folder with the suite")


@asynccontextmanager
async def opened(shop: Shop, person: Person) -> AsyncIterator[str]:
    """The server's address for somebody who shows no key: the suite cannot."""
    async with httpx.AsyncClient(base_url=shop.base, headers=person.headers, timeout=60) as client:

        async def app(scope: Scope, receive: Receive, send: Send) -> None:
            if scope["type"] != "http":
                return
            request = Request(scope, receive)
            headers = {name: value for name, value in request.headers.items() if name != "content-length"}
            asked = client.build_request(request.method, "/mcp", content=await request.body(), headers=headers)
            answer = await client.send(asked, stream=True)
            kept = {name: value for name, value in answer.headers.items() if name in {"content-type", "mcp-session-id"}}
            await StreamingResponse(answer.aiter_raw(), answer.status_code, kept)(scope, receive, send)
            await answer.aclose()

        listener = socket.create_server(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
        running = asyncio.create_task(server.serve(sockets=[listener]))
        try:
            await until(lambda: server.started)
            yield f"http://localhost:{listener.getsockname()[1]}/mcp"
        finally:
            server.should_exit = True
            await running
            listener.close()


async def fill(shop: Shop, person: Person) -> None:
    """What the suite expects to find."""
    add_suite_tools(shop.tools)
    async with shop.client(person) as client:
        for name, said, variables in PROMPTS:
            body = {"name": name, "text": said, "description": "A prompt.", "variables": variables}
            answer = await client.post("/api/v1/prompts", json=body)
            assert answer.status_code == 200, answer.text


@pytest.mark.parametrize("revision", REVISIONS)
async def test_the_server_passes_every_scenario_that_a_revision_requires(shop_settings, revision):
    settings = shop_settings.model_copy(update={"tools": shop_settings.tools.model_copy(update={"page": 100})})
    async with open_shop(settings, shelves=[SuiteShelf()]) as shop, opened(shop, person := await shop.person()) as url:
        await fill(shop, person)
        found = await run_server(revision, url)
    assert found.missed == {}
