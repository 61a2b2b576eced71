from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from api.web.principal import Role
from tests.api.fixtures.people import add_person
from tests.api.fixtures.tooling import open_shop

BOTH = {"Accept": "application/json, text/event-stream"}
INIT: dict[str, Any] = {
    "jsonrpc": "2.0",
    "id": 0,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}


def message_in(answer: httpx.Response) -> Any:
    """The last message, from JSON or from a stream."""
    if answer.headers["content-type"].startswith("application/json"):
        return answer.json()
    return [json.loads(line.removeprefix("data: ")) for line in answer.text.splitlines() if line.startswith("data: {")][-1]


async def opened(client: httpx.AsyncClient) -> httpx.Response:
    answer = await client.post("/mcp", json=INIT, headers=BOTH)
    assert answer.status_code == 200, answer.text
    return answer


def of(session: str, version: str = "2025-11-25") -> dict[str, str]:
    return {**BOTH, "Mcp-Session-Id": session, "Mcp-Protocol-Version": version}


@pytest.mark.parametrize(
    ("asked", "agreed"),
    [("2024-11-05", "2024-11-05"), ("2025-06-18", "2025-06-18"), ("2025-11-25", "2025-11-25"), ("1999-01-01", "2025-11-25")],
)
async def test_a_revision_is_agreed_on_and_a_session_opened(shop, asked, agreed):
    async with shop.client(await shop.person()) as client:
        body = {**INIT, "params": {**INIT["params"], "protocolVersion": asked}}
        answer = await client.post("/mcp", json=body, headers=BOTH)
    told = message_in(answer)["result"]
    assert (told["protocolVersion"], told["serverInfo"]["name"]) == (agreed, "hearth")
    assert set(told["capabilities"]) == {"tools", "resources", "prompts", "completions", "logging"}
    assert len(answer.headers["mcp-session-id"]) == 32


async def test_the_newest_revision_says_what_there_is_without_a_session(shop):
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {}}
    body = {"jsonrpc": "2.0", "id": 1, "method": "server/discover", "params": {"_meta": meta}}
    headers = {**BOTH, "Mcp-Protocol-Version": "2026-07-28", "Mcp-Method": "server/discover"}
    async with shop.client(await shop.person()) as client:
        answer = await client.post("/mcp", json=body, headers=headers)
    assert "tools" in answer.json()["result"]["capabilities"]
    assert "mcp-session-id" not in answer.headers


@pytest.mark.parametrize("key", [None, "hk_nobodys"])
async def test_nobody_is_let_in(shop, key):
    async with shop.client(None) as client:
        headers = BOTH if key is None else {**BOTH, "Authorization": f"Bearer {key}"}
        answer = await client.post("/mcp", json=LIST, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "unauthorized")
    assert answer.headers["www-authenticate"].startswith("Bearer")


async def test_a_key_for_models_alone_does_not_open_tools(shop):
    person = await add_person(shop.stores, Role.ADMIN, scopes=("models",))
    async with shop.client(person) as client:
        assert (await client.post("/mcp", json=LIST, headers=BOTH)).status_code == 403


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Host": "evil.example"}])
async def test_pages_of_others_and_other_names_are_refused(shop, headers):
    async with shop.client(await shop.person()) as client:
        answer = await client.post("/mcp", json=LIST, headers={**BOTH, **headers})
    assert answer.status_code in {400, 403}
    assert "evil.example" in answer.json()["error"]["message"]
    assert shop.tools.calls == []


@pytest.mark.parametrize("streamed", [False, True])
async def test_a_message_that_is_too_large_is_refused_before_it_is_read(shop, streamed):
    big = json.dumps({**LIST, "params": {"cursor": "x" * 30_000}}).encode()

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(big), 5000):
            yield big[start : start + 5000]

    async with shop.client(await shop.person()) as client:
        headers = {**BOTH, "Content-Type": "application/json"}
        answer = await client.post("/mcp", content=pieces() if streamed else big, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (413, "too_large")
    assert "tools.request_bytes" in answer.json()["error"]["message"]


@pytest.mark.parametrize(
    ("content", "status"), [(b"{", 400), (b"[]", 400), (b'"hello"', 400), (b'{"jsonrpc": "2.0", "id": 1}', 400), (b"[" * 15_000, 400)]
)
async def test_what_is_no_message_is_refused(shop, content, status):
    async with shop.client(await shop.person()) as client:
        answer = await client.post("/mcp", content=content, headers={**BOTH, "Content-Type": "application/json"})
    assert answer.status_code == status
    assert "error" in answer.json()


async def test_what_is_not_offered_says_so(shop):
    async with shop.client(await shop.person()) as client:
        assert (await client.get("/mcp", headers={"Accept": "text/event-stream"})).status_code == 400
        assert (await client.post("/mcp", json=LIST, headers={"Accept": "text/html"})).status_code == 406
        assert (await client.post("/mcp", content=b"{}", headers={**BOTH, "Content-Type": "text/plain"})).status_code == 415
        answer = await client.post("/mcp", json={**LIST, "method": "cows/list"}, headers=BOTH)
    assert message_in(answer)["error"]["code"] == -32601


async def test_a_session_belongs_to_whoever_opened_it(shop):
    mira = await shop.person()
    kees = await shop.person(colleague=mira)
    async with shop.client(mira) as hers, shop.client(kees) as his, shop.client(await shop.person()) as stranger:
        session = (await opened(hers)).headers["mcp-session-id"]
        assert (await hers.post("/mcp", json=LIST, headers=of(session))).status_code == 200
        for client in (his, stranger):
            assert (await client.post("/mcp", json=LIST, headers=of(session))).status_code == 404
            assert (await client.delete("/mcp", headers=of(session))).status_code == 404
        assert (await hers.delete("/mcp", headers=of(session))).json()["data"] == {"ended": True}
        assert (await hers.post("/mcp", json=LIST, headers=of(session))).status_code == 404


async def test_one_session_too_many_ends_the_oldest(shop):
    async with shop.client(await shop.person()) as client:
        sessions = [(await opened(client)).headers["mcp-session-id"] for _ in range(4)]
        found = [(await client.post("/mcp", json=LIST, headers=of(session))).status_code for session in sessions]
    assert found == [404, 200, 200, 200]


async def test_a_session_that_is_idle_ends(shop_settings):
    tools = shop_settings.tools.model_copy(update={"session_idle_s": 1.0})
    async with open_shop(shop_settings.model_copy(update={"tools": tools})) as shop, shop.client(await shop.person()) as client:
        session = (await opened(client)).headers["mcp-session-id"]
        assert (await client.post("/mcp", json=LIST, headers=of(session))).status_code == 200
        await asyncio.sleep(1.3)
        assert (await client.post("/mcp", json=LIST, headers=of(session))).status_code == 404


async def test_the_level_of_messages_is_kept_for_a_session(shop):
    async with shop.client(await shop.person()) as client:
        session = (await opened(client)).headers["mcp-session-id"]
        call = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "echo", "arguments": {"text": "hi"}}}
        assert "notifications/message" not in (await client.post("/mcp", json=call, headers=of(session))).text
        level = {"jsonrpc": "2.0", "id": 4, "method": "logging/setLevel", "params": {"level": "info"}}
        assert message_in(await client.post("/mcp", json=level, headers=of(session)))["result"] == {}
        assert '"tool":"echo"' in (await client.post("/mcp", json=call, headers=of(session))).text
        told = message_in(await client.post("/mcp", json=level, headers={**BOTH, "Mcp-Protocol-Version": "2025-11-25"}))
    assert "names none" in told["error"]["message"]


async def test_a_call_is_taken_back_only_by_its_own_session(shop, eventually):
    async with shop.client(await shop.person()) as client:
        sessions = [(await opened(client)).headers["mcp-session-id"] for _ in range(2)]
        call = {"jsonrpc": "2.0", "id": 5, "method": "tools/call", "params": {"name": "waits", "arguments": {}}}
        asking = asyncio.create_task(client.post("/mcp", json=call, headers=of(sessions[0])))
        await eventually(lambda: shop.tools.waiting == 1)
        cancelled = {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 5}}
        assert (await client.post("/mcp", json=cancelled, headers=of(sessions[1]))).status_code == 202
        assert (await client.post("/mcp", json={**cancelled, "params": {"requestId": "5"}}, headers=of(sessions[0]))).status_code == 202
        assert shop.tools.waiting == 1
        assert (await client.post("/mcp", json=cancelled, headers=of(sessions[0]))).status_code == 202
        assert message_in(await asking)["error"]["code"] == -32800
    assert shop.tools.waiting == 0
