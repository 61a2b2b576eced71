from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import update

from api.conversations.tables import Conversation
from tests.api.fixtures.talking import Person

CHAT = "/api/v1/chat"


async def say(someone: Person, conversation: str, content: object, **fields: object) -> str:
    body = {"role": "user", "content": content} | fields
    answer = await someone.client.post(f"{CHAT}/conversations/{conversation}/messages", json=body)
    assert answer.status_code == 200, answer.text
    return str(answer.json()["data"]["id"])


async def titles(someone: Person, **query: str | bool) -> list[str]:
    found = await someone.client.get(f"{CHAT}/conversations", params=query)
    return [item["title"] for item in found.json()["data"]["items"]]


async def test_a_session_says_whose_it_is_and_is_a_conversation(mira):
    body = {"user_id": str(mira.user_id), "type": "agent_creation", "title": "Goats"}
    made = (await mira.client.post(f"{CHAT}/sessions", json=body)).json()["data"]
    assert (made["type"], made["status"], made["is_resumable"], made["user_id"]) == ("agent_creation", "active", True, str(mira.user_id))
    days = datetime.fromisoformat(made["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=364) < days <= timedelta(days=365)
    changed = await mira.client.put(f"{CHAT}/sessions/{made['id']}/status", json={"status": "resumable"})
    assert changed.json()["data"]["status"] == "resumable"
    assert (await mira.client.get(f"/api/chat/conversations/{made['id']}")).json()["data"]["title"] == "Goats"


async def test_a_session_needs_a_user_a_known_type_and_a_right_to_it(mira, person):
    other = await person(organisation_id=mira.organisation_id)
    bodies: list[dict[str, object]] = [{}, {"user_id": "me"}, {"user_id": str(mira.user_id), "type": "other"}]
    assert [(await mira.client.post(f"{CHAT}/sessions", json=body)).status_code for body in bodies] == [422, 422, 422]
    foreign = {"user_id": str(other.user_id)}
    assert (await mira.client.post(f"{CHAT}/sessions", json=foreign)).status_code == 403
    admin = await person("admin", mira.organisation_id)
    assert (await admin.client.post(f"{CHAT}/sessions", json=foreign)).status_code == 200
    assert (await admin.client.post(f"{CHAT}/sessions", json={"user_id": str(uuid.uuid4())})).status_code == 404


async def test_a_viewer_reads_and_a_stranger_does_nothing(person, stranger):
    viewer = await person("viewer")
    assert (await viewer.client.get(f"{CHAT}/conversations")).status_code == 200
    assert (await viewer.client.post(f"{CHAT}/conversations", json={})).status_code == 403
    assert (await stranger.get(f"{CHAT}/conversations")).status_code == 401


async def test_lists_come_in_pages_the_latest_first(mira):
    for number in range(5):
        await mira.new(title=f"t{number}", tags=["even"] if number % 2 == 0 else [])
    first = (await mira.client.get(f"{CHAT}/conversations", params={"limit": 3})).json()["data"]
    assert [item["title"] for item in first["items"]] == ["t4", "t3", "t2"]
    second = (await mira.client.get(f"{CHAT}/conversations", params={"limit": 3, "cursor": first["next_cursor"]})).json()["data"]
    assert [item["title"] for item in second["items"]] == ["t1", "t0"]
    assert second["next_cursor"] is None
    assert await titles(mira, tag="even") == ["t4", "t2", "t0"]
    assert (await mira.client.get(f"{CHAT}/conversations", params={"cursor": "nonsense"})).status_code == 400


async def test_what_is_given_is_changed_and_the_rest_stays(mira):
    made = await mira.new(title="Goats", metadata={"a": 1})
    path = f"{CHAT}/conversations/{made['id']}"
    changed = (await mira.client.patch(path, json={"pinned": True, "tags": ["x"]})).json()["data"]
    assert (changed["title"], changed["pinned"], changed["tags"], changed["metadata"]) == ("Goats", True, ["x"], {"a": 1})
    assert (await mira.client.patch(path, json={"title": None})).status_code == 400
    assert (await mira.client.patch(path, json={"active_leaf_id": str(uuid.uuid4())})).status_code == 404


async def test_a_soft_deletion_can_be_taken_back_and_a_hard_one_cannot(mira):
    path = f"{CHAT}/conversations/{(await mira.new(title='Goats'))['id']}"
    await mira.client.delete(path)
    assert (await mira.client.get(path)).status_code == 404
    assert await titles(mira, deleted=True) == ["Goats"]
    assert (await mira.client.put(f"{path}/restore")).status_code == 200
    assert (await mira.client.get(path)).status_code == 200
    await mira.client.delete(path, params={"hard_delete": True})
    assert (await mira.client.put(f"{path}/restore")).status_code == 404


async def test_clean_up_is_an_admins_and_takes_what_is_past_its_time(mira, person, stores):
    admin = await person("admin", mira.organisation_id)
    old, kept = await mira.new(), await mira.new()
    async with stores.database.session() as session:
        past = datetime.now(UTC) - timedelta(days=1)
        await session.execute(update(Conversation).where(Conversation.id == uuid.UUID(old["id"])).values(expires_at=past))
    assert (await mira.client.post(f"{CHAT}/cleanup", json={})).status_code == 403
    for dry in (True, False):
        done = (await admin.client.post(f"{CHAT}/cleanup", json={"dry_run": dry})).json()["data"]
        assert done == {"expired": 1, "purged": 0}
    assert [(await mira.client.get(f"{CHAT}/conversations/{row['id']}")).status_code for row in (old, kept)] == [404, 200]


async def test_people_of_the_organisation_take_part_and_go(mira, person):
    writer, stranger = await person(organisation_id=mira.organisation_id), await person()
    conversation = (await mira.new())["id"]
    path = f"{CHAT}/conversations/{conversation}"
    assert (await writer.client.get(path)).status_code == 404
    invite = f"{path}/participants"
    assert (await mira.client.post(invite, json={"user_id": str(stranger.user_id), "role": "writer"})).status_code == 404
    await mira.client.post(invite, json={"user_id": str(writer.user_id), "role": "reader"})
    body = {"role": "user", "content": "me too"}
    assert (await writer.client.post(f"{path}/messages", json=body)).status_code == 403
    people = await mira.client.post(invite, json={"user_id": str(writer.user_id), "role": "writer"})
    assert {row["role"] for row in people.json()["data"]} == {"owner", "writer"}
    assert (await writer.client.post(f"{path}/messages", json=body)).status_code == 200
    assert (await writer.client.delete(path)).status_code == 403
    assert (await writer.client.delete(f"{invite}/{writer.user_id}")).status_code == 200
    assert (await writer.client.get(path)).status_code == 404
    assert (await mira.client.delete(f"{invite}/{mira.user_id}")).status_code == 409


async def test_messages_and_titles_are_found_by_their_words_and_only_by_who_sees_them(mira, person):
    conversation = (await mira.new(title="Cheese recipes"))["id"]
    message = await say(mira, conversation, "Mira has three goats and a quarrelsome ram")
    found = (await mira.client.get(f"{CHAT}/search", params={"q": "quarrelsome"})).json()["data"]["items"]
    assert [(item["message_id"], item["excerpt"]) for item in found] == [(message, "Mira has three goats and a **quarrelsome** ram")]
    assert len((await mira.client.get(f"{CHAT}/search", params={"q": "cheese"})).json()["data"]["items"]) == 1
    for words in ("goats -ram", "' OR 1=1 --", '"ram goats"', "&|!():*"):
        assert (await mira.client.get(f"{CHAT}/search", params={"q": words})).json()["data"]["items"] == []
    other = await person(organisation_id=mira.organisation_id)
    assert (await other.client.get(f"{CHAT}/search", params={"q": "quarrelsome"})).json()["data"]["items"] == []


async def test_what_is_found_comes_in_pages_the_latest_first(mira):
    conversation = (await mira.new(title="Goats"))["id"]
    said = [await say(mira, conversation, f"Goats, day {day}") for day in range(3)]
    seen: list[str | None] = []
    cursor: dict[str, str] = {}
    for _ in range(4):
        page = (await mira.client.get(f"{CHAT}/search", params={"q": "goats", "limit": 1} | cursor)).json()["data"]
        seen += [item["message_id"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]}
    # The title counts as of the last time that something happened in the conversation.
    assert seen == [None, *said[::-1]] or seen == [said[-1], None, *said[-2::-1]]
    assert page["next_cursor"] is None


@pytest.mark.parametrize("words", ["' OR '1'='1", "x'); DROP TABLE messages; --", "%", "\\", "{{7*7}}", "a\r\nX-Evil: 1", "<script>", "😀"])
async def test_hostile_text_is_only_text(mira, words):
    """Kept and answered as it is, wherever a person may write."""
    conversation = (await mira.new(title=words, metadata={"note": words}, system_prompt=words))["id"]
    path = f"{CHAT}/conversations/{conversation}"
    await say(mira, conversation, words)
    kept = (await mira.client.get(path)).json()["data"]
    assert (kept["title"], kept["metadata"]) == (words, {"note": words})
    assert [row["text"] for row in (await mira.client.get(f"{path}/messages")).json()["data"]["items"]] == [words]
    for answer in (
        await mira.client.get(f"{CHAT}/search", params={"q": words}),
        await mira.client.get(f"{CHAT}/conversations", params={"tag": words}),
        await mira.client.get(f"{path}/export", params={"format": "markdown"}),
        await mira.client.get(f"{path}/export", params={"format": "json"}),
    ):
        assert answer.status_code == 200, answer.text
        assert "x-evil" not in answer.headers


async def test_content_has_parts_and_messages_branch(mira):
    conversation = (await mira.new())["id"]
    image = {"type": "image", "url": "https://example.org/goat.png", "text": "A goat."}
    first = await say(mira, conversation, [{"type": "text", "text": "Look:"}, image])
    await say(mira, conversation, "one")
    await say(mira, conversation, "another", parent_id=first)
    path = f"{CHAT}/conversations/{conversation}/messages"
    branch = (await mira.client.get(path)).json()["data"]["items"]
    assert [row["text"] for row in branch] == ["Look:\nA goat.", "another"]
    assert branch[0]["content"][1] == image
    page = (await mira.client.get(path, params={"branch": False, "limit": 2})).json()["data"]
    rest = (await mira.client.get(path, params={"branch": False, "cursor": page["next_cursor"]})).json()["data"]
    assert [row["text"] for row in page["items"] + rest["items"]] == ["Look:\nA goat.", "one", "another"]
    evil = {"type": "image", "url": "javascript:alert(1)"}
    assert (await mira.client.post(path, json={"role": "user", "content": [evil]})).status_code == 422
    assert (await mira.client.patch(f"{path}/{first}", json={"pinned": True})).json()["data"]["pinned"] is True


async def test_a_link_shows_what_was_said_until_it_is_revoked(mira, stranger, person):
    conversation = (await mira.new(title="Goats", system_prompt="secret"))["id"]
    path = f"{CHAT}/conversations/{conversation}/share"
    assert (await mira.client.post(path, json={})).status_code == 409
    await say(mira, conversation, "hello")
    link = (await mira.client.post(path, json={"expires_in_days": 7})).json()["data"]
    await say(mira, conversation, "later")
    read = await stranger.get(f"{CHAT}/shared/{link['token']}")
    assert [row["content"][0]["text"] for row in read.json()["data"]["messages"]] == ["hello"]
    assert "secret" not in read.text
    assert link["token"] not in (await mira.client.get(path)).text
    other = await person("admin", mira.organisation_id)
    assert (await other.client.delete(f"{path}/{link['id']}")).status_code == 404
    await mira.client.delete(f"{path}/{link['id']}")
    assert (await stranger.get(f"{CHAT}/shared/{link['token']}")).status_code == 404


async def test_a_conversation_is_exported_whole_or_for_people(mira):
    conversation = (await mira.new(title="Goats"))["id"]
    await say(mira, conversation, "hello")
    path = f"{CHAT}/conversations/{conversation}/export"
    whole = (await mira.client.get(path)).json()
    assert (whole["conversation"]["title"], [row["text"] for row in whole["messages"]]) == ("Goats", ["hello"])
    assert (await mira.client.get(path, params={"format": "markdown"})).text == "# Goats\n\n## User\n\nhello\n"
