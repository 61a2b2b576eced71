"""Items, their versions, and who was faster."""

from __future__ import annotations

import asyncio
import uuid

import pytest

from api.web.principal import Role
from tests.api.fixtures.house import House, Someone
from tests.api.knowledge.keeping import ITEMS, URL, data_of, keep


@pytest.fixture
async def mira(house: House) -> Someone:
    return await house.join()


async def test_an_item_is_kept_changed_and_deleted(mira):
    item = await keep(mira, fields={"source": "Mira", "rooms": [1, 2]}, category="animals", tags=["goats", "goats", " "])
    path = f"{ITEMS}/{item['id']}"
    assert (item["version"], item["kind"], item["tags"], item["fields"]["rooms"]) == (1, "note", ["goats"], [1, 2])
    changed = data_of(await mira.client.put(path, json={"version": 1, "content": "At seven."}))
    assert (changed["version"], changed["content"], changed["title"], changed["category"]) == (2, "At seven.", "Goats", "animals")
    assert data_of(await mira.client.put(path, json={"version": 2, "category": None}))["category"] is None
    assert data_of(await mira.client.get(path))["version"] == 3
    assert (await mira.client.delete(path)).status_code == 200
    for answer in (await mira.client.get(path), await mira.client.delete(path), await mira.client.get(f"{path}/versions")):
        assert answer.status_code == 404


async def test_of_two_changes_to_one_version_one_is_refused_and_nothing_is_lost(mira):
    path = f"{ITEMS}/{(await keep(mira))['id']}"
    answers = await asyncio.gather(*(mira.client.put(path, json={"version": 1, "content": f"Change {n}."}) for n in range(5)))
    assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409, 409]
    kept = data_of(await mira.client.get(path))
    assert kept["version"] == 2
    assert kept["content"] == next(answer for answer in answers if answer.status_code == 200).json()["data"]["content"]


async def test_versions_stay_are_compared_and_can_be_had_again(mira):
    item = await keep(mira, content="one\ntwo", tags=["a"])
    path = f"{ITEMS}/{item['id']}"
    await mira.client.put(path, json={"version": 1, "content": "one\nthree", "note": "Winter."})
    await mira.client.put(path, json={"version": 2, "title": "Kids"})
    diff = data_of(await mira.client.get(f"{path}/diff", params={"since": 1}))
    assert (diff["until"], diff["changed"]) == (3, ["title", "content"])
    assert diff["content"].splitlines()[-3:] == [" one", "-two", "+three"]
    assert data_of(await mira.client.get(f"{path}/versions/1"))["content"] == "one\ntwo"
    assert data_of(await mira.client.get(f"{path}/diff"))["changed"] == ["title"]
    assert (await mira.client.post(f"{path}/restore", json={"version": 1, "latest": 2})).status_code == 409
    restored = data_of(await mira.client.post(f"{path}/restore", json={"version": 1, "latest": 3}))
    assert (restored["version"], restored["title"], restored["content"], restored["tags"]) == (4, "Goats", "one\ntwo", ["a"])
    versions = data_of(await mira.client.get(f"{path}/versions"))
    assert [(row["version"], row["note"]) for row in versions] == [(4, "As in version 1."), (3, ""), (2, "Winter."), (1, "")]
    assert [row["version"] for row in data_of(await mira.client.get(f"{path}/versions", params={"before": 3, "limit": 1}))] == [2]
    for missing in (f"{path}/versions/9", f"{path}/diff?since=9"):
        assert (await mira.client.get(missing)).status_code == 404


async def test_lists_are_narrowed_counted_and_paged(mira):
    for number in range(4):
        await keep(mira, title=f"Item {number}", category="odd" if number % 2 else "even", tags=["all", f"n{number}"])
    assert len(data_of(await mira.client.get(ITEMS, params={"category": "odd"}))["items"]) == 2
    assert [row["title"] for row in data_of(await mira.client.get(ITEMS, params={"tag": "n3"}))["items"]] == ["Item 3"]
    assert data_of(await mira.client.get(ITEMS, params={"title": "%"}))["items"] == []
    first = data_of(await mira.client.get(ITEMS, params={"limit": 3}))
    rest = data_of(await mira.client.get(ITEMS, params={"limit": 3, "cursor": first["next_cursor"]}))
    assert [row["title"] for row in first["items"] + rest["items"]] == ["Item 3", "Item 2", "Item 1", "Item 0"]
    assert data_of(await mira.client.get(f"{URL}/categories")) == [{"name": "even", "items": 2}, {"name": "odd", "items": 2}]
    assert data_of(await mira.client.get(f"{URL}/tags", params={"limit": 1})) == [{"name": "all", "items": 4}]


async def test_a_person_s_verdict_is_about_one_version(mira):
    path = f"{ITEMS}/{(await keep(mira))['id']}"
    judged = data_of(await mira.client.post(f"{path}/verdict", json={"version": 1, "verdict": "valid"}))
    assert (judged["verdict"]["is_current"], judged["verdict"]["by"], judged["version"]) == (True, str(mira.user_id), 1)
    changed = data_of(await mira.client.put(path, json={"version": 1, "content": "Other."}))
    assert changed["verdict"]["is_current"] is False
    assert (await mira.client.post(f"{path}/verdict", json={"version": 1, "verdict": "valid"})).status_code == 409


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"title": "", "content": "a"},
        {"title": "a", "content": "a", "tags": ["x" * 51]},
        {"title": "a", "content": "a", "audience": "world"},
        {"title": "a", "content": "a" * 300_000},
        {"title": "a", "content": "a", "fields": {"a": "b" * 30_000}},
        {"title": "a", "content": "a", "version": 3},
        {"title": "a\u0000", "content": "a"},
    ],
)
async def test_what_cannot_be_an_item_is_refused(mira, body):
    assert 400 <= (await mira.client.post(ITEMS, json=body)).status_code < 500


@pytest.mark.parametrize("body", [{}, {"version": 0}, {"version": 1, "title": None}, {"version": "1"}, {"version": 1, "tags": "a"}])
async def test_what_cannot_be_a_change_is_refused(mira, body):
    path = f"{ITEMS}/{(await keep(mira))['id']}"
    assert (await mira.client.put(path, json=body)).status_code == 422


async def test_another_organisation_sees_nothing_and_a_viewer_changes_nothing(house, mira):
    item = await keep(mira, audience="editor", category="animals", tags=["goats"])
    path = f"{ITEMS}/{item['id']}"
    stranger, viewer = await house.join(Role.ADMIN), await house.join(Role.VIEWER, mira)
    assert data_of(await stranger.client.get(ITEMS))["items"] == []
    assert data_of(await stranger.client.get(f"{URL}/categories")) == []
    assert data_of(await stranger.client.get(f"{URL}/tags")) == []
    for answer in (await stranger.client.get(path), await stranger.client.put(path, json={"version": 1, "title": "x"})):
        assert answer.status_code == 404
    assert data_of(await viewer.client.get(path))["id"] == item["id"]
    assert (await viewer.client.put(path, json={"version": 1, "title": "x"})).status_code == 403
    assert (await mira.client.get(f"{ITEMS}/{uuid.uuid4()}")).status_code == 404
