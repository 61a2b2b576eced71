from __future__ import annotations

import asyncio

import pytest
from mcp.shared.exceptions import MCPError

from api.web.principal import Role
from cluster.fakes.tools import WAITING
from cluster.tools.tool import ToolResult, ToolSpec
from tests.api.fixtures.tooling import mcp_client, open_shop, text_of
from tests.patience import PATIENCE_S

ERAS = ["legacy", "2026-07-28"]
SHAPED = ToolSpec(
    "weather",
    "Weather",
    "Says how warm it is.",
    {"type": "object", "properties": {}},
    "test",
    output={"type": "object", "properties": {"celsius": {"type": "number"}}, "required": ["celsius"]},
)


async def warm(arguments, caller):
    return ToolResult({"celsius": 21}, '{"celsius": 21}')


@pytest.mark.parametrize("era", ERAS)
async def test_a_tool_is_called_in_the_name_of_whoever_asks(shop, era):
    mira = await shop.person()
    async with mcp_client(shop, mira, era) as client:
        answer = await client.call_tool("echo", {"text": "3 goats"})
    assert (text_of(answer), answer.is_error) == ("3 goats", False)
    caller = shop.tools.calls[-1][2]
    assert (caller.user_id, caller.organisation_id, caller.role) == (mira.user_id, mira.organisation_id, "editor")


@pytest.mark.parametrize("era", ERAS)
async def test_tools_come_in_pages_with_what_they_may_do(shop, era):
    async with mcp_client(shop, await shop.person(), era) as client:
        first = await client.list_tools()
        second = await client.list_tools(cursor=first.next_cursor)
    assert [tool.name for tool in first.tools] == ["always_fails", "always_raises", "counter_add", "echo"]
    assert [tool.name for tool in second.tools] == ["mail_send", "waits"]
    assert second.next_cursor is None
    send, echo = second.tools[0].annotations, first.tools[3].annotations
    assert send
    assert echo
    assert (send.read_only_hint, send.destructive_hint, send.idempotent_hint) == (False, True, False)
    assert echo.read_only_hint
    assert first.tools[3].input_schema["required"] == ["text"]


async def test_a_cursor_that_was_never_given_out_is_refused(shop):
    async with mcp_client(shop, await shop.person()) as client:
        with pytest.raises(MCPError, match="none that was given out"):
            await client.list_tools(cursor="%%%")


async def test_a_viewer_neither_sees_nor_calls_what_takes_an_editor(shop):
    async with mcp_client(shop, await shop.person(Role.VIEWER)) as client:
        first = await client.list_tools()
        second = await client.list_tools(cursor=first.next_cursor)
        answer = await client.call_tool("mail_send", {"to": "Kees"})
    assert [tool.name for tool in second.tools] == ["waits"]
    assert answer.is_error
    assert "needs the role 'editor'" in text_of(answer)
    assert shop.tools.sent == []


@pytest.mark.parametrize("era", ERAS)
async def test_what_has_a_shape_comes_structured(shop, era):
    shop.tools.add(SHAPED, warm)
    async with mcp_client(shop, await shop.person(), era) as client:
        answer = await client.call_tool("weather", {})
    assert answer.structured_content == {"celsius": 21}
    assert text_of(answer) == '{"celsius": 21}'


@pytest.mark.parametrize(
    ("tool", "arguments", "told"),
    [
        ("always_fails", {}, "It cannot be done."),
        ("always_raises", {}, "The tool's server does not answer."),
        ("echo", {"text": 3}, "The tool 'echo' does not take these arguments: 3 is not of type 'string'."),
    ],
)
async def test_what_goes_wrong_is_a_result_in_our_words(shop, tool, arguments, told):
    async with mcp_client(shop, await shop.person()) as client:
        answer = await client.call_tool(tool, arguments)
    assert (answer.is_error, text_of(answer)) == (True, told)


async def test_what_nobody_expected_is_told_without_what_is_inside(shop):
    async def broken(arguments, caller):
        raise RuntimeError("the password is 1234")

    shop.tools.add(SHAPED, broken)
    async with mcp_client(shop, await shop.person()) as client:
        answer = await client.call_tool("weather", {})
    assert answer.is_error
    assert "Something went wrong on the server" in text_of(answer)


@pytest.mark.parametrize("era", ERAS)
async def test_a_tool_that_is_not_there_is_an_error_that_names_the_nearest(shop, era):
    async with mcp_client(shop, await shop.person(), era) as client:
        with pytest.raises(MCPError, match="did you mean 'echo'") as refused:
            await client.call_tool("ecco", {})
    assert refused.value.code == -32602


@pytest.mark.parametrize("era", ERAS)
async def test_progress_is_told_while_a_tool_works(shop, era):
    told = []

    async def note(progress, total, message):
        told.append((progress, message))
        if len(told) == 3:
            shop.tools.let_go.set()

    async with mcp_client(shop, await shop.person(), era) as client:
        answer = await client.call_tool("waits", {}, progress_callback=note)
    assert text_of(answer) == "done"
    assert told[0] == (0, "Wait begins")
    assert [progress for progress, _ in told] == sorted(progress for progress, _ in told)


@pytest.mark.parametrize("era", ERAS)
async def test_a_call_that_is_taken_back_ends(shop, era, eventually):
    async with mcp_client(shop, await shop.person(), era) as client:
        calling = asyncio.create_task(client.call_tool("waits", {}))
        await eventually(lambda: shop.tools.waiting == 1)
        calling.cancel()
        await eventually(lambda: shop.tools.waiting == 0)
        assert text_of(await client.call_tool("echo", {"text": "still here"})) == "still here"


@pytest.mark.parametrize("version", ["2025-11-25", "2026-07-28"])
async def test_a_call_ends_when_its_client_has_left(shop, eventually, version):
    meta = {"io.modelcontextprotocol/protocolVersion": version, "io.modelcontextprotocol/clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "waits", "arguments": {}, "_meta": meta}}
    headers = {"Accept": "application/json, text/event-stream", "MCP-Protocol-Version": version}
    headers |= {"Mcp-Method": "tools/call", "Mcp-Name": "waits"}
    async with shop.client(await shop.person()) as client:
        asking = asyncio.create_task(client.post("/mcp", json=body, headers=headers))
        await eventually(lambda: shop.tools.waiting == 1)
        asking.cancel()
        await asyncio.wait((asking,))
    await eventually(lambda: shop.tools.waiting == 0)


async def test_a_call_takes_no_longer_than_a_request_may(shop_settings):
    quick = shop_settings.model_copy(update={"http": shop_settings.http.model_copy(update={"request_timeout_s": 1.0})})
    async with open_shop(quick) as shop, mcp_client(shop, await shop.person()) as client:
        async with asyncio.timeout(PATIENCE_S):
            answer = await client.call_tool(WAITING.name, {})
        assert answer.is_error
        assert "http.request_timeout_s" in text_of(answer)
        assert shop.tools.waiting == 0
