from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest

from tests.api.fixtures.people import Person, add_person

SPACES = "/api/v1/workspaces"


async def put(client: httpx.AsyncClient, person: Person, place: str, content: bytes = b"Moin") -> Any:
    answer = await client.put(f"{SPACES}/{place}", content=content, headers=person.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def test_files_are_written_listed_read_and_deleted(client, editor, viewer):
    assert await put(client, editor, "run-1/files/notes/tides%20of%20Husum.md") == {"path": "notes/tides of Husum.md", "bytes": 4}
    await put(client, editor, "run-1/files/a.bin", b"\x00\xff")

    listed = (await client.get(f"{SPACES}/run-1/files", params={"deep": True}, headers=viewer.headers)).json()["data"]
    assert [(file["path"], file["folder"], file["bytes"]) for file in listed["files"]] == [
        ("a.bin", False, 2),
        ("notes", True, 0),
        ("notes/tides of Husum.md", False, 4),
    ]
    read = await client.get(f"{SPACES}/run-1/files/notes/tides of Husum.md", headers=viewer.headers)
    assert read.content == b"Moin"
    assert read.headers["content-type"] == "application/octet-stream"
    assert read.headers["content-disposition"] == "attachment; filename*=utf-8''tides%20of%20Husum.md"
    assert (await client.delete(f"{SPACES}/run-1/files/notes", headers=editor.headers)).status_code == 409
    gone = await client.delete(f"{SPACES}/run-1/files/notes", params={"deep": True}, headers=editor.headers)
    assert gone.json()["data"] == {"path": "notes", "deleted": True}
    assert (await client.get(f"{SPACES}/run-1/files/notes/x", headers=viewer.headers)).status_code == 404


async def test_lists_have_pages(client, editor):
    for name in ("b", "a/x", "a-b"):
        await put(client, editor, f"pages/files/{name}")
    found, after = [], None
    while True:
        given = {"deep": True, "limit": 2} | ({"after": after} if after else {})
        page = (await client.get(f"{SPACES}/pages/files", params=given, headers=editor.headers)).json()["data"]
        found += [file["path"] for file in page["files"]]
        after = page["next_after"]
        if after is None:
            break
    assert found == ["a", "a/x", "a-b", "b"]


@pytest.mark.parametrize(
    "path", ["%2e%2e/x", "a/%2e%2e/%2e%2e/x", "%2Fetc/passwd", "a%00b", "a%5Cb", "a%0Ab", "a//b", "%E2%80%AEa", "a" * 300]
)
async def test_hostile_paths_are_refused(client, editor, path, error):
    await put(client, editor, "hostile/files/a")

    for method in ("PUT", "GET", "DELETE"):
        answer = await client.request(method, f"{SPACES}/hostile/files/{path}", headers=editor.headers)
        assert answer.status_code in {400, 404}, answer.text
        assert error(answer)["message"]


async def test_a_file_has_a_size(in_process, gateway, store_settings, editor, error):
    tools = store_settings.tools.model_copy(update={"file_bytes": 1024})
    async with in_process(gateway, store_settings.model_copy(update={"tools": tools})) as client:
        answer = await client.put(f"{SPACES}/sizes/files/a", content=b"a" * 1025, headers=editor.headers)
    assert answer.status_code == 413
    assert "tools.file_bytes" in error(answer)["message"]


async def test_a_workspace_is_its_owners(client, admin, editor, viewer, stores):
    await put(client, editor, f"user-{editor.user_id}/files/mine.txt")
    await put(client, editor, "shared/files/ours.txt")

    assert (await client.get(f"{SPACES}/user-{editor.user_id}/files", headers=admin.headers)).status_code == 404
    assert (await client.put(f"{SPACES}/user-{editor.user_id}/files/x", content=b"", headers=admin.headers)).status_code == 404
    assert (await client.get(f"{SPACES}/mcp-{editor.user_id}/files", headers=admin.headers)).status_code == 404
    assert (await client.get(f"{SPACES}/shared/files/ours.txt", headers=viewer.headers)).content == b"Moin"
    assert (await client.put(f"{SPACES}/shared/files/x", content=b"", headers=viewer.headers)).status_code == 403
    stranger = await add_person(stores)
    assert (await client.get(f"{SPACES}/shared/files", headers=stranger.headers)).status_code == 404


async def test_files_of_a_conversation_go_with_it(client, editor):
    made = [(await client.post("/api/v1/chat/conversations", json={}, headers=editor.headers)).json()["data"]["id"] for _ in "ab"]
    for conversation in made:
        await put(client, editor, f"conversation-{conversation}/files/a.txt")
    gone = await client.delete(f"/api/v1/chat/conversations/{made[0]}", params={"hard_delete": True}, headers=editor.headers)
    assert gone.status_code == 200, gone.text

    desk = client._transport.app.state.tools
    await desk.sweep()

    assert not desk.workspaces.of(editor.organisation_id, f"conversation-{made[0]}").exists()
    assert desk.workspaces.of(editor.organisation_id, f"conversation-{made[1]}").exists()


async def test_a_conversations_files_are_for_who_takes_part(client, editor, admin, viewer):
    conversation = (await client.post("/api/v1/chat/conversations", json={}, headers=editor.headers)).json()["data"]["id"]
    place = f"{SPACES}/conversation-{conversation}/files"
    await put(client, editor, f"conversation-{conversation}/files/a.txt")

    assert (await client.get(place, headers=admin.headers)).status_code == 404
    invited = {"user_id": str(admin.user_id), "role": "reader"}
    people = f"/api/v1/chat/conversations/{conversation}/participants"
    assert (await client.post(people, json=invited, headers=editor.headers)).status_code == 200
    assert (await client.get(f"{place}/a.txt", headers=admin.headers)).content == b"Moin"
    assert (await client.put(f"{place}/b.txt", content=b"", headers=admin.headers)).status_code == 403
    assert (await client.get(f"{SPACES}/conversation-{uuid.uuid4()}/files", headers=editor.headers)).status_code == 404
