"""``hearth mcp`` against an API that is really served."""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from mcp.client.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.shared.exceptions import MCPError
from mcp_types import ElicitResult, EmptyResult, ResourceUpdatedNotification, SubscribeRequest, SubscribeRequestParams
from typer.testing import CliRunner

from cluster.cli.bridge import Bridge
from cluster.cli.main import app
from cluster.errors import Unavailable
from cluster.home import Home
from cluster.runtime.processes import MARK
from cluster.runtime.state import RunState, write_state
from cluster.tools.paths import user_workspace
from tests.api.fixtures.tooling import shop as shop
from tests.api.fixtures.tooling import shop_settings as shop_settings
from tests.api.fixtures.tooling import text_of, until
from tests.patience import PATIENCE_S

Lines = asyncio.Queue[bytes | None]
INIT = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


@pytest.fixture
async def owner(shop):
    return await shop.person()


@pytest.fixture
async def home(shop, owner, tmp_path):
    """Of a running cluster, for which a process stands."""
    home = Home(tmp_path)
    home.keys.mkdir()
    home.admin_key.write_text(owner.key)
    head = await asyncio.create_subprocess_exec("sleep", "300", env={**os.environ, MARK: home.mark})
    write_state(home, RunState(pid=head.pid, phase="ready", profile="laptop", base_url=shop.base, started_at=time.time()))
    yield home
    head.kill()
    await head.wait()


@asynccontextmanager
async def program(home, mode, *words, **told):
    """As a desktop client starts it."""
    started = StdioServerParameters(command=sys.executable, args=["-m", "cluster.cli.main", "mcp", "--home", str(home.root), *words])
    async with Client(stdio_client(started), mode=mode, **told) as client:
        yield client


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_person_at_the_program_is_asked(shop, home, mode):
    async def agree(_, params):
        return ElicitResult(action="accept", content={"approve": True})

    async with program(home, mode, elicitation_callback=agree) as client:
        await client.call_tool("mail_send", {"to": "Kees"})
    assert shop.tools.sent == ["Kees"]


async def test_the_program_hears_of_what_it_watches(shop, home, owner):
    changed = asyncio.Event()

    async def hear(message):
        if isinstance(message, ResourceUpdatedNotification):
            changed.set()

    files = shop.app.state.tools.workspaces.of(owner.organisation_id, user_workspace(owner.user_id))
    files.write("notes.md", b"one")
    async with program(home, "legacy", message_handler=hear) as client:
        watch = SubscribeRequest(params=SubscribeRequestParams(uri="hearth://files/notes.md"))
        await client.session.send_request(watch, EmptyResult)
        files.write("notes.md", b"two")
        async with asyncio.timeout(PATIENCE_S):
            await changed.wait()


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28", "auto"])
async def test_a_program_calls_tools_over_stdin_and_stdout(shop, home, mode):
    told = []

    async def note(progress, total, message):
        told.append(progress)
        shop.tools.let_go.set()

    async with program(home, mode) as client:
        first = await client.list_tools()
        answer = await client.call_tool("echo", {"text": "3 gœts"})
        waited = await client.call_tool("waits", {}, progress_callback=note)
        with pytest.raises(MCPError, match="did you mean 'echo'"):
            await client.call_tool("ecco", {})
    assert first.tools[0].name == "always_fails"
    assert (text_of(answer), text_of(waited)) == ("3 gœts", "done")
    assert told[0] == 0


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_a_call_is_taken_back(shop, home, mode):
    async with program(home, mode) as client:
        calling = asyncio.create_task(client.call_tool("waits", {}))
        await until(lambda: shop.tools.waiting == 1)
        calling.cancel()
        await until(lambda: shop.tools.waiting == 0)


async def test_another_key_is_read_from_its_file_and_a_wrong_one_is_told(shop, home, tmp_path):
    kees = await shop.person()
    (tmp_path / "kees.key").write_text(kees.key)
    async with program(home, "legacy", "--key-file", str(tmp_path / "kees.key")) as client:
        await client.call_tool("echo", {"text": "hi"})
    assert shop.tools.calls[-1][2].user_id == kees.user_id
    home.admin_key.write_text("hk_nobodys")
    told = pytest.RaisesExc(MCPError, match="The API key is not known")
    with pytest.RaisesGroup(told, flatten_subgroups=True):
        async with program(home, "legacy"):
            pass


def test_without_a_cluster_it_says_so(tmp_path):
    result = CliRunner().invoke(app, ["mcp", "--home", str(tmp_path)])
    assert isinstance(result.exception, Unavailable)
    assert result.output == ""


@asynccontextmanager
async def bridge(shop, key=None):
    """``await send(message)``, and what was written."""
    lines: Lines = asyncio.Queue()
    written: list[Any] = []
    headers = {"Authorization": f"Bearer {key or (await shop.person()).key}"}
    async with httpx.AsyncClient(base_url=shop.base, headers=headers, timeout=60) as client:
        running = asyncio.create_task(Bridge(client, lambda line: written.append(json.loads(line))).run(lines))
        yield lines, written
        lines.put_nowait(None)
        await running


def put(lines: Lines, *messages: Any) -> None:
    for message in messages:
        lines.put_nowait(message if isinstance(message, bytes) else json.dumps(message).encode())


async def test_what_was_asked_before_stdin_closed_is_answered(shop):
    async with bridge(shop) as (lines, written):
        put(lines, INIT, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}, {"jsonrpc": "2.0", "id": 2, "method": "ping"})
    assert written[0]["id"] == 0
    assert {message["id"] for message in written} == {0, 1, 2}


async def test_what_is_no_message_is_told(shop):
    async with bridge(shop) as (lines, written):
        put(lines, b"{", b"[1]", b"\n")
        await until(lambda: len(written) == 2)
    assert [message["error"]["code"] for message in written] == [-32700, -32700]


async def test_a_refusal_is_told_in_the_api_s_words(shop):
    async with bridge(shop, "hk_nobodys") as (lines, written):
        put(lines, INIT)
        await until(lambda: written)
    assert (written[0]["id"], "key" in written[0]["error"]["message"]) == (0, True)


async def test_a_session_that_ended_meanwhile_is_opened_again(shop):
    async with bridge(shop) as (lines, written):
        put(lines, INIT)
        await until(lambda: len(written) == 1)
        cache = shop.stores.cache
        await cache.delete(*[key async for key in cache.scan_iter("mcp:session:*")])
        put(lines, {"jsonrpc": "2.0", "id": 1, "method": "tools/list"})
        await until(lambda: len(written) == 2)
    assert written[1]["result"]["tools"]


async def test_an_api_that_is_gone_is_told(shop):
    async with httpx.AsyncClient(base_url="http://127.0.0.1:1") as client:
        lines: Lines = asyncio.Queue()
        written: list[Any] = []
        put(lines, INIT)
        lines.put_nowait(None)
        await Bridge(client, lambda line: written.append(json.loads(line))).run(lines)
    assert "does not answer" in written[0]["error"]["message"]
