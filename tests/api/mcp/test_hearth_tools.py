"""The tools of Hearth itself, for an MCP client and for a model in a chat."""

from __future__ import annotations

import json

import pytest
from mcp.shared.exceptions import MCPError

from api.web.principal import Role
from cluster.contracts.generation import GenerationRequest
from tests.api.fixtures.people import Person
from tests.api.fixtures.tooling import Shop, mcp_client, open_shop, text_of


@pytest.fixture
async def real(shop_settings):
    settings = shop_settings.model_copy(update={"tools": shop_settings.tools.model_copy(update={"page": 100})})
    async with open_shop(settings, real=True) as shop:
        yield shop


async def history(shop: Shop, person: Person) -> set[tuple[str, str]]:
    async with shop.client(person) as client:
        answer = await client.get("/api/v1/tools/calls")
        assert answer.status_code == 200, answer.text
        return {(call["tool"], call["outcome"]) for call in answer.json()["data"]["calls"]}


async def test_a_client_writes_and_reads_files_of_its_own_and_each_call_is_kept(real):
    mira, kees = await real.person(), await real.person()
    async with mcp_client(real, mira) as client:
        tools = {tool.name: tool for tool in (await client.list_tools()).tools}
        written = await client.call_tool("files_write", {"path": "farm/goats.txt", "content": "3 goats"})
        read = await client.call_tool("files_read", {"path": "farm/goats.txt"})
    assert not written.is_error, text_of(written)
    assert "3 goats" in text_of(read)
    looks, changes = tools["files_read"].annotations, tools["files_write"].annotations
    assert looks
    assert changes
    assert (looks.read_only_hint, changes.read_only_hint) == (True, False)
    async with mcp_client(real, kees) as client:
        assert (await client.call_tool("files_read", {"path": "farm/goats.txt"})).is_error
    assert await history(real, mira) == {("files_write", "succeeded"), ("files_read", "succeeded")}


async def test_a_tool_that_is_not_there_or_not_used_is_in_the_history_too(real):
    mira = await real.person(Role.ADMIN)
    async with real.client(mira) as http:
        answer = await http.put("/api/v1/tools/choices/organisation", json={"deny": ["files_write"]})
    async with mcp_client(real, mira) as client:
        with pytest.raises(MCPError, match="There is no tool"):
            await client.call_tool("files_fly", {})
        denied = await client.call_tool("files_write", {"path": "a.txt", "content": "a"})
    assert answer.status_code == 200, answer.text
    assert (denied.is_error, "not used in your organisation" in text_of(denied)) == (True, True)
    assert await history(real, mira) == {("files_fly", "refused"), ("files_write", "refused")}


async def test_a_model_uses_the_conversation_s_files(real):
    mira = await real.person()
    write = json.dumps({"path": "goats.txt", "content": "3 goats"})
    real.gateway.calls = [[("files_write", write)], [("files_read", '{"path": "goats.txt"}')]]
    async with real.client(mira) as client:
        chat = (await client.post("/api/v1/chat/conversations", json={})).json()["data"]
        body = {"model": "fake-llm", "conversation_id": chat["id"], "content": "Note it.", "tools": ["files_*"]}
        data = (await client.post("/api/v1/chat/mcp", json=body)).json()["data"]
    assert [(call["name"], call["outcome"]) for call in data["calls"]] == [("files_write", "done"), ("files_read", "done")]
    assert "3 goats" in data["text"]
    offered = {tool["function"]["name"] for tool in real.gateway.asked_for(GenerationRequest)[0].tools}
    assert offered >= {"files_write", "files_read"}
    assert all(name.startswith("files_") for name in offered)
    assert await history(real, mira) == {("files_write", "succeeded"), ("files_read", "succeeded")}


@pytest.mark.parametrize("era", ["legacy", "2026-07-28"])
async def test_every_tool_is_one_that_clients_take(real, era):
    async with mcp_client(real, await real.person(), era) as client:
        tools = (await client.list_tools()).tools
    assert len(tools) > 10
    assert all(tool.input_schema["type"] == "object" and tool.description and tool.title for tool in tools)
