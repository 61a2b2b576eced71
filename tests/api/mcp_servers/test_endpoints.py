from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from api.web.principal import Role
from tests.api.fixtures.people import add_person

SERVERS = "/api/v1/mcp/servers"
BAD = str(Path(__file__).parents[2] / "cluster" / "tools" / "servers" / "bad.py")
WEATHER = {"name": "weather", "url": "https://weather.example.org/mcp", "headers": {"Authorization": "Bearer secret:WEATHER"}}
LOCAL = {"name": "local", "command": sys.executable, "arguments": [BAD, "many"]}


@pytest.fixture
async def client(in_process, gateway, store_settings, admin):
    """Of an API whose operator lets this interpreter be an MCP server."""
    tools = store_settings.tools.model_copy(update={"commands": [sys.executable], "servers_per_organisation": 2})
    async with in_process(gateway, store_settings.model_copy(update={"tools": tools})) as client:
        client.headers.update(admin.headers)
        yield client


async def add(client: httpx.AsyncClient, body: dict[str, Any]) -> Any:
    answer = await client.post(SERVERS, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_a_server_is_added_looked_at_changed_and_removed(client):
    added = await add(client, WEATHER)
    assert (added["transport"], added["enabled"], added["trusted"], added["tools"]) == ("streamable_http", True, False, None)
    assert added["headers"] == WEATHER["headers"]
    assert (await client.get(SERVERS)).json()["data"]["servers"] == [added]

    changed = (await client.patch(f"{SERVERS}/weather", json={"enabled": False, "deny": ["x*"]})).json()["data"]
    assert (changed["enabled"], changed["deny"], changed["url"]) == (False, ["x*"], WEATHER["url"])
    assert (await client.delete(f"{SERVERS}/weather")).json()["data"] == {"name": "weather"}
    assert (await client.get(f"{SERVERS}/weather")).status_code == 404


async def test_a_programs_tools_are_listed_called_and_chosen(client):
    await add(client, LOCAL | {"allow": ["t1", "t2*"]})

    tested = (await client.post(f"{SERVERS}/local/test")).json()["data"]
    assert (tested["reachable"], tested["tools"], tested["problem"]) == (True, 12, None)
    tools = (await client.get(f"{SERVERS}/local/tools")).json()["data"]["tools"]
    assert (tools[0]["name"], tools[0]["own_name"], tools[0]["dangerous"]) == ("local__t1", "t1", True)
    called = await client.post("/api/v1/tools/local__t1/call", json={"confirm": True})
    assert called.json()["data"]["value"] == "many"
    listed = (await client.get("/api/v1/tools", params={"source": "local"})).json()["data"]
    assert listed["categories"] == [{"name": "mcp:local", "tools": 12}]
    await client.patch(f"{SERVERS}/local", json={"allow": ["t3"]})
    refreshed = (await client.post(f"{SERVERS}/local/refresh")).json()["data"]["tools"]
    assert [tool["own_name"] for tool in refreshed] == ["t3"]
    assert (await client.post("/api/v1/tools/local__t1/call", json={"confirm": True})).status_code == 404


async def test_a_server_that_is_not_reached_says_why(client, error):
    await add(client, WEATHER | {"headers": {}})

    tested = (await client.post(f"{SERVERS}/weather/test")).json()["data"]
    assert not tested["reachable"]
    assert "offline" in tested["problem"]
    refused = await client.post(f"{SERVERS}/weather/refresh")
    assert (refused.status_code, error(refused)["code"]) == (422, "address_refused")
    assert "offline" in (await client.get(f"{SERVERS}/weather")).json()["data"]["problem"]


@pytest.mark.parametrize(
    ("body", "status", "param"),
    [
        (WEATHER | {"name": "We ather"}, 422, "name"),
        (WEATHER | {"name": "a" * 33}, 422, "name"),
        (WEATHER | {"command": sys.executable}, 422, None),
        ({"name": "nothing"}, 422, None),
        (WEATHER | {"url": "ftp://example.org/mcp"}, 422, "url"),
        (WEATHER | {"url": "https://me:secret@example.org/mcp"}, 422, "url"),
        (WEATHER | {"url": "https://example.org/mcp?token=1"}, 422, "url"),
        (WEATHER | {"headers": {"X-A": "a\r\nX-B: b"}}, 422, None),
        (LOCAL | {"command": "/bin/sh"}, 403, "command"),
        (LOCAL | {"environment": {"LD_PRELOAD": "/tmp/x.so"}}, 403, "environment"),
        (LOCAL | {"environment": {"PYTHONPATH": "/tmp"}}, 403, "environment"),
        (LOCAL | {"role": "owner"}, 422, "role"),
        (LOCAL | {"timeout_s": 0}, 422, "timeout_s"),
        (LOCAL | {"colour": "red"}, 422, "colour"),
    ],
)
async def test_what_cannot_be_configured_is_refused_naming_the_field(client, error, body, status, param):
    answer = await client.post(SERVERS, json=body)

    assert answer.status_code == status, answer.text
    assert param is None or error(answer)["param"] == param
    assert (await client.get(SERVERS)).json()["data"]["servers"] == []


async def test_names_are_taken_once_and_there_are_not_too_many(client, error):
    await add(client, WEATHER)
    assert (await client.post(SERVERS, json=WEATHER)).status_code == 409
    await add(client, LOCAL)
    full = await client.post(SERVERS, json=LOCAL | {"name": "third"})
    assert full.status_code == 409
    assert "tools.servers_per_organisation" in error(full)["message"]


async def test_a_server_is_reached_in_one_way(client):
    await add(client, WEATHER)

    assert (await client.patch(f"{SERVERS}/weather", json={"command": sys.executable})).status_code == 422
    assert (await client.patch(f"{SERVERS}/weather", json={"url": None})).status_code == 422
    changed = await client.patch(
        f"{SERVERS}/weather", json={"url": None, "command": sys.executable, "arguments": [BAD, "fine"], "headers": {}}
    )
    assert changed.json()["data"]["transport"] == "stdio"
    assert (await client.patch(f"{SERVERS}/weather", json={"command": "/bin/sh"})).status_code == 403


async def test_the_audit_log_names_secrets_and_no_values(client):
    await add(client, WEATHER)

    said = (await client.get("/api/v1/audit")).text
    assert "mcp_server.added" in said
    assert "secret:WEATHER" in said
    assert "Bearer" not in said


async def test_only_admins_configure_servers(client, stores, admin):
    editor = await add_person(stores, Role.EDITOR, admin)
    assert (await client.post(SERVERS, json=WEATHER, headers=editor.headers)).status_code == 403
    assert (await client.get(SERVERS, headers=editor.headers)).status_code == 403
