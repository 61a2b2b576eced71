from __future__ import annotations

import asyncio
import uuid

import pytest

from tests.patience import PATIENCE_S

TOOLS = "/api/v1/tools"


@pytest.fixture
def call(client):
    """Calls a tool and gives its answer's data."""

    async def make(person, tool, status=200, **body):
        answer = await client.post(f"{TOOLS}/{tool}/call", json=body, headers=person.headers)
        assert answer.status_code == status, answer.text
        return answer.json()["data"] if status == 200 else answer.json()["error"]

    return make


async def test_tools_are_listed_with_their_categories(client, viewer):
    listed = (await client.get(TOOLS, headers=viewer.headers)).json()["data"]

    names = {tool["name"] for tool in listed["tools"]}
    assert {"files_read", "documents_search", "ask_model", "system_info", "graph_run"} <= names
    counted = {entry["name"]: entry["tools"] for entry in listed["categories"]}
    assert counted["files"] == 6
    assert sum(counted.values()) == len(names)
    files = (await client.get(TOOLS, params={"category": "files"}, headers=viewer.headers)).json()["data"]["tools"]
    assert {tool["category"] for tool in files} == {"files"}
    assert all(tool["used"] and tool["chosen"] for tool in listed["tools"])


async def test_one_tool_says_what_it_takes(client, viewer, error):
    tool = (await client.get(f"{TOOLS}/files_read", headers=viewer.headers)).json()["data"]

    assert tool["parameters"]["required"] == ["path"]
    assert tool["settings"] == {"dangerous": None, "timeout_s": None}
    missing = await client.get(f"{TOOLS}/file_read", headers=viewer.headers)
    assert missing.status_code == 404
    assert "did you mean 'files_read'" in error(missing)["message"]


async def test_a_tool_is_called_and_the_call_is_kept(client, call, editor, viewer, admin):
    written = await call(editor, "files_write", arguments={"path": "a.md", "content": "Moin"})
    assert written == {"value": {"path": "a.md", "bytes": 4}, "text": '{"path": "a.md", "bytes": 4}', "failed": False, "cut": False}
    assert (await call(editor, "files_read", arguments={"path": "a.md"}))["text"] == "Moin"
    assert (await call(editor, "files_read", arguments={"path": "b.md"}))["failed"]

    mine = (await client.get(f"{TOOLS}/calls", headers=editor.headers)).json()["data"]["calls"]
    assert [(entry["tool"], entry["outcome"]) for entry in mine] == [
        ("files_read", "failed"),
        ("files_read", "succeeded"),
        ("files_write", "succeeded"),
    ]
    one = (await client.get(f"{TOOLS}/calls/{mine[-1]['id']}", headers=editor.headers)).json()["data"]
    assert one["arguments"] == {"path": "a.md", "content": "Moin"}
    assert one["result"] == {"path": "a.md", "bytes": 4}
    assert (await client.get(f"{TOOLS}/calls", headers=viewer.headers)).json()["data"]["calls"] == []
    assert (await client.get(f"{TOOLS}/calls/{one['id']}", headers=viewer.headers)).status_code == 404
    assert (await client.get(f"{TOOLS}/calls", params={"everybody": True}, headers=viewer.headers)).status_code == 403
    everybody = await client.get(f"{TOOLS}/calls", params={"everybody": True, "outcome": "failed"}, headers=admin.headers)
    assert [entry["user_id"] for entry in everybody.json()["data"]["calls"]] == [str(editor.user_id)]


async def test_the_history_has_pages(client, call, editor):
    for _ in range(3):
        await call(editor, "files_list")
    first = (await client.get(f"{TOOLS}/calls", params={"limit": 2}, headers=editor.headers)).json()["data"]
    second = (await client.get(f"{TOOLS}/calls", params={"limit": 2, "cursor": first["next_cursor"]}, headers=editor.headers)).json()[
        "data"
    ]

    assert [len(page["calls"]) for page in (first, second)] == [2, 1]
    assert second["next_cursor"] is None


async def test_a_repeated_call_with_its_key_is_made_once(call, editor):
    for _ in range(2):
        await call(editor, "files_append", arguments={"path": "log", "content": "one\n"}, key="k1")
    await call(editor, "files_append", arguments={"path": "log", "content": "one\n"}, key="k2")

    assert (await call(editor, "files_read", arguments={"path": "log"}))["text"] == "one\none\n"


async def test_what_is_dangerous_wants_a_persons_word(call, editor):
    await call(editor, "files_write", arguments={"path": "a.md", "content": ""})

    refused = await call(editor, "files_delete", 409, arguments={"path": "a.md"})
    assert refused["param"] == "confirm"
    assert (await call(editor, "files_delete", arguments={"path": "a.md"}, confirm=True))["value"]["deleted"]


async def test_mistakes_are_told_in_the_one_shape(call, editor, viewer):
    assert "did you mean 'path'" in (await call(editor, "files_read", 400, arguments={"pth": "a"}))["message"]
    assert "did you mean 'files_read'" in (await call(editor, "files_red", 404))["message"]
    assert "'editor'" in (await call(viewer, "files_write", 403, arguments={"path": "a", "content": ""}))["message"]
    assert (await call(editor, "files_read", 422, arguments=[]))["param"] == "arguments"
    assert "workspace" in (await call(editor, "files_list", 404, workspace=f"user-{viewer.user_id}"))["message"]


async def test_an_admin_turns_tools_off_for_all(client, call, admin, editor):
    choice = {"allow": None, "deny": ["files_*", "category:web"]}
    told = (await client.put(f"{TOOLS}/choices/organisation", json=choice, headers=admin.headers)).json()["data"]

    assert told["is_set"]
    assert "files_read" not in told["tools"]
    assert "ask_model" in told["tools"]
    refused = await call(editor, "files_list", 403)
    assert "admin" in refused["message"]
    listed = {tool["name"]: tool for tool in (await client.get(TOOLS, headers=editor.headers)).json()["data"]["tools"]}
    assert not listed["files_read"]["used"]
    assert not listed["files_read"]["chosen"]
    gone = (await client.delete(f"{TOOLS}/choices/organisation", headers=admin.headers)).json()["data"]
    assert not gone["is_set"]
    await call(editor, "files_list")


async def test_people_choose_for_themselves_and_conversations_override_them(client, editor, viewer):
    mine = {"allow": ["ask_model", "category:files"], "deny": ["files_delete"]}
    told = (await client.put(f"{TOOLS}/choices/me", json=mine, headers=editor.headers)).json()["data"]
    assert set(told["tools"]) == {"ask_model", "files_list", "files_read", "files_search", "files_write", "files_append"}

    conversation = (await client.post("/api/v1/chat/conversations", json={}, headers=editor.headers)).json()["data"]["id"]
    place = f"{TOOLS}/choices/conversations/{conversation}"
    inherited = (await client.get(place, headers=editor.headers)).json()["data"]
    assert (inherited["is_set"], inherited["tools"]) == (False, told["tools"])
    own = (await client.put(place, json={"allow": ["system_info"]}, headers=editor.headers)).json()["data"]
    assert own["tools"] == ["system_info"]
    listed = (await client.get(TOOLS, params={"conversation_id": conversation}, headers=editor.headers)).json()["data"]["tools"]
    assert [tool["name"] for tool in listed if tool["chosen"]] == ["system_info"]
    assert (await client.get(place, headers=viewer.headers)).status_code == 404
    assert (await client.get(TOOLS, params={"conversation_id": conversation}, headers=viewer.headers)).status_code == 404
    assert (await client.delete(place, headers=editor.headers)).json()["data"]["tools"] == told["tools"]
    assert not (await client.delete(f"{TOOLS}/choices/me", headers=editor.headers)).json()["data"]["is_set"]


async def test_an_admin_sets_a_tool(client, call, admin, editor, gateway, error):
    body = {"settings": {"max_tokens": 7, "dangerous": True}}
    told = (await client.put(f"{TOOLS}/ask_model/settings", json=body, headers=admin.headers)).json()["data"]

    assert told["dangerous"]
    assert told["settings"] == {"dangerous": True, "timeout_s": None, "model": None, "max_tokens": 7}
    await call(editor, "ask_model", 409, arguments={"prompt": "Say a word."})
    await call(editor, "ask_model", arguments={"prompt": "Say a word."}, confirm=True)
    assert gateway.asked[-1].sampling.max_tokens == 7
    wrong = await client.put(f"{TOOLS}/ask_model/settings", json={"settings": {"max_token": 7}}, headers=admin.headers)
    assert wrong.status_code == 422
    assert "max_tokens" in error(wrong)["message"]
    back = (await client.put(f"{TOOLS}/ask_model/settings", json={"settings": {}}, headers=admin.headers)).json()["data"]
    assert not back["dangerous"]


async def test_what_models_used_is_on_the_callers_account(client, call, editor):
    await call(editor, "ask_model", arguments={"prompt": "Say a word."})

    async with asyncio.timeout(PATIENCE_S):
        while True:
            used = (await client.get("/api/v1/usage", params={"group_by": "model"}, headers=editor.headers)).json()["data"]
            if used["groups"]:
                break
            await asyncio.sleep(0.05)
    assert "fake-llm" in str(used["groups"])


async def test_changes_are_in_the_audit_log(client, admin, editor):
    await client.put(f"{TOOLS}/choices/me", json={"deny": ["fetch_url"]}, headers=editor.headers)
    await client.put(f"{TOOLS}/fetch_url/settings", json={"settings": {"timeout_s": 5}}, headers=admin.headers)

    events = (await client.get("/api/v1/audit", headers=admin.headers)).json()["data"]
    actions = {event["action"] for event in events["events"]} if isinstance(events, dict) else {event["action"] for event in events}
    assert {"tools.chosen", "tool.set"} <= actions


async def test_a_call_of_nobody_is_not_there(client, editor):
    assert (await client.get(f"{TOOLS}/calls/{uuid.uuid4()}", headers=editor.headers)).status_code == 404
