"""The protocol's own conformance suite against our server: npm's `@modelcontextprotocol/conformance`, where it is installed."""

from __future__ import annotations

import asyncio
import os
import re
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from cluster.contracts.generation import JsonObject
from cluster.fakes.tools import Do
from cluster.tools.tool import ToolCaller, ToolResult, ToolSpec, readable
from tests.api.fixtures.people import Person
from tests.api.fixtures.tooling import Shop, open_shop, until

FOLDER = os.environ.get("MCP_CONFORMANCE", "")
SUITE = Path(FOLDER) / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
# What our server is for. The others ask for tools that give back images or sound or ask the client something, for resources with bytes
# or subscriptions, and for streams that go on after a connection has ended: none of them is offered.
OFFERED = (
    "server-initialize",
    "logging-set-level",
    "ping",
    "completion-complete",
    "tools-list",
    "tools-call-simple-text",
    "tools-call-error",
    "json-schema-2020-12",
    "server-sse-multiple-streams",
    "resources-list",
    "prompts-list",
    "prompts-get-simple",
    "prompts-get-with-args",
    "dns-rebinding-protection",
)
PERSON: JsonObject = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "$defs": {"address": {"type": "object", "properties": {"street": {"type": "string"}, "city": {"type": "string"}}}},
    "properties": {"name": {"type": "string"}, "address": {"$ref": "#/$defs/address"}},
    "additionalProperties": False,
}

pytestmark = pytest.mark.skipif(not SUITE.is_file(), reason="MCP_CONFORMANCE names no folder with the conformance suite installed")


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

    def says(value: str, *, failed: bool = False) -> Do:
        async def do(arguments: Mapping[str, Any], caller: ToolCaller) -> ToolResult:
            return ToolResult(value, readable(value), failed=failed)

        return do

    anything: JsonObject = {"type": "object", "properties": {}}
    shop.tools.add(
        ToolSpec("test_simple_text", "Text", "Says something.", anything, "test"), says("This is a simple text response for testing.")
    )
    wrong = says("This tool intentionally returns an error for testing", failed=True)
    shop.tools.add(ToolSpec("test_error_handling", "Error", "Fails.", anything, "test"), wrong)
    shop.tools.add(ToolSpec("json_schema_2020_12_tool", "Schema", "Has a schema.", PERSON, "test"), says("done"))
    prompts = {"test_simple_prompt": "This is a simple prompt for testing.", "test_prompt_with_arguments": "$arg1 and $arg2"}
    async with shop.client(person) as client:
        for name, said in prompts.items():
            answer = await client.post("/api/v1/prompts", json={"name": name, "text": said, "description": "A prompt."})
            assert answer.status_code == 200, answer.text


async def test_the_server_passes_what_the_suite_asks_of_what_it_offers(shop_settings, tmp_path):
    settings = shop_settings.model_copy(update={"tools": shop_settings.tools.model_copy(update={"page": 100})})
    path = f"{FOLDER}/node_modules/.bin{os.pathsep}{os.environ['PATH']}"
    async with open_shop(settings) as shop, opened(shop, person := await shop.person()) as url:
        await fill(shop, person)
        failed = {}
        for scenario in OFFERED:
            suite = await asyncio.create_subprocess_exec(
                *("node", str(SUITE), "server", "--url", url, "--scenario", scenario, "-o", str(tmp_path)),
                env={**os.environ, "PATH": path},
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
            )
            told, _ = await suite.communicate()
            if suite.returncode:
                failed[scenario] = re.sub(rb"\x1b\[[0-9;]*m", b"", told).decode()[-1500:]
    assert failed == {}
