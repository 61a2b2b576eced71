from __future__ import annotations

import asyncio
import json
import uuid
from typing import Any

import pytest

from tests.api.active_learning.conftest import BASE

GOAT = {"name": "animals", "task": "animals", "kind": "label", "labels": ["goat", "sheep"], "labels_per_item": 2}


def lines(count: Any, **more: Any) -> Any:
    rows = [{"source": {"id": str(at)}, "messages": [{"role": "user", "content": f"Question {at}?"}], **more} for at in range(count)]
    return "\n".join(json.dumps(row) for row in rows)


async def give(ask: Any, person: Any, campaign: Any, count: Any = 1) -> Any:
    return (await ask(person, "POST", f"/campaigns/{campaign['id']}/next", json={"count": count}))["items"]


async def label(ask: Any, person: Any, given: Any, value: Any, status: Any = 200) -> Any:
    return await ask(person, "POST", f"/assignments/{given['assignment_id']}/submit", status, json={"value": value})


async def test_a_campaign_from_import_to_export(ask, web, editor, viewer, campaign):
    path = f"/campaigns/{campaign['id']}"
    assert (await ask(editor, "POST", f"{path}/import", content=lines(2))) == {"items": 2, "known": 0, "labels": 0, "decided": 0}
    first, second = await give(ask, viewer, campaign, 2)
    assert (first["messages"], first["lease_until"] is not None) == ([{"role": "user", "content": "Question 0?"}], True)
    done = await label(ask, viewer, first, "At seven.")
    assert (done["state"], done["item_state"], done["value"]) == ("submitted", "agreed", "At seven.")
    skipped = await ask(viewer, "POST", f"/assignments/{second['assignment_id']}/skip", json={"remark": "Too hard."})
    assert skipped["state"] == "skipped"
    found = await ask(viewer, "GET", f"{path}/statistics")
    assert (found["items"]["agreed"], found["items"]["open"], found["people"][0]["skipped"]) == (1, 1, 1)
    for name in ("jsonl", "label_studio", "argilla"):
        file = await web.get(f"{BASE}{path}/export", params={"format": name}, headers=editor.headers)
        assert file.status_code == 200
        rows = [json.loads(line) for line in file.text.splitlines()] if name == "jsonl" else file.json()
        assert len(rows) == 2
        assert (await ask(editor, "POST", f"{path}/import", params={"format": name}, content=file.content))["labels"] == 0


async def test_an_empty_campaign_is_an_empty_file(web, editor, campaign):
    for name, text in (("jsonl", ""), ("label_studio", "[]\n"), ("argilla", "[]\n")):
        file = await web.get(f"{BASE}/campaigns/{campaign['id']}/export", params={"format": name}, headers=editor.headers)
        assert file.text == text


async def test_people_who_disagree_are_measured_and_an_editor_decides(ask, editor, viewer, admin):
    campaign = await ask(editor, "POST", "/campaigns", json=GOAT)
    path = f"/campaigns/{campaign['id']}"
    await ask(editor, "POST", f"{path}/import", content=lines(2))
    for person, values in ((viewer, ("goat", "goat")), (admin, ("goat", "sheep"))):
        for value in values:
            await label(ask, person, (await give(ask, person, campaign))[0], value)
    agreed = await ask(viewer, "GET", f"{path}/agreement")
    assert (agreed["items"], agreed["labels"], agreed["agreed"], len(agreed["pairs"])) == (2, 4, 0.5, 1)
    (disputed,) = (await ask(editor, "GET", f"{path}/items", params={"state": "disputed"}))["items"]
    assert {one["value"] for one in disputed["labels"]} == {"goat", "sheep"}
    decided = await ask(editor, "POST", f"/items/{disputed['id']}/adjudicate", json={"value": "sheep"})
    assert (decided["state"], decided["final"], decided["final_by"]) == ("adjudicated", "sheep", str(editor.user_id))
    assert await ask(editor, "GET", f"/items/{disputed['id']}") == decided


async def test_the_same_label_sent_at_once_many_times_counts_once(ask, editor, viewer, campaign):
    await ask(editor, "POST", f"/campaigns/{campaign['id']}/import", content=lines(1))
    (given,) = await give(ask, viewer, campaign)
    await asyncio.gather(*(label(ask, viewer, given, "At seven.") for _ in range(5)))
    assert (await label(ask, viewer, given, "At noon.", 409))["code"] == "conflict"
    assert (await ask(viewer, "GET", f"/campaigns/{campaign['id']}/statistics"))["labels"] == 1


async def test_campaigns_are_listed_by_name_and_closed(ask, editor, viewer, campaign):
    await ask(editor, "POST", "/campaigns", json=GOAT)
    first = await ask(viewer, "GET", "/campaigns", params={"limit": 1})
    second = await ask(viewer, "GET", "/campaigns", params={"cursor": first["next_cursor"]})
    assert [row["name"] for row in first["items"] + second["items"]] == ["animals", "goats"]
    changed = await ask(editor, "PATCH", f"/campaigns/{campaign['id']}", json={"state": "closed", "instructions": "Be brief."})
    assert (changed["state"], changed["instructions"]) == ("closed", "Be brief.")
    assert "closed" in (await ask(viewer, "POST", f"/campaigns/{campaign['id']}/next", 409, json={}))["message"]
    assert (await ask(viewer, "GET", f"/campaigns/{campaign['id']}")) == changed


async def test_items_come_in_pages(ask, editor, campaign):
    path = f"/campaigns/{campaign['id']}/items"
    await ask(editor, "POST", f"/campaigns/{campaign['id']}/import", content=lines(5))
    seen: list[str] = []
    cursor: Any = {}
    while cursor is not None:
        page = await ask(editor, "GET", path, params={"limit": 2, **cursor})
        seen += [item["source_id"] for item in page["items"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
    assert seen == ["0", "1", "2", "3", "4"]


@pytest.mark.parametrize(
    ("body", "status", "said"),
    [
        ({"name": "goats"}, 409, "goats"),
        ({"name": "x", "kind": "label"}, 422, "labels"),
        ({"name": "x", "labels": ["a", "b"]}, 422, "labels"),
        ({"name": "x", "kind": "label", "labels": ["a", "a"]}, 422, "twice"),
        ({"name": "x", "kind": "json", "form": {"type": "goat"}}, 422, "goat"),
        ({"name": "x", "labels_per_item": 0}, 422, "labels_per_item"),
        ({"name": "x", "task": "no words"}, 422, "task"),
        ({"name": ""}, 422, "name"),
    ],
)
async def test_a_campaign_that_makes_no_sense_is_refused(ask, editor, campaign, body, status, said):
    assert campaign["name"] == "goats"
    assert said in (await ask(editor, "POST", "/campaigns", status, json=body))["message"]


@pytest.mark.parametrize(
    ("name", "content", "status", "said"),
    [
        ("jsonl", "", 422, "no records"),
        ("jsonl", "{", 422, "Line 1 is not JSON"),
        ("jsonl", lines(1, labels=[{"annotator": "x", "value": 7}]), 422, "Record 1: 'value' is a text"),
        ("label_studio", '[{"data": 1}]', 422, "no 'data'"),
        ("argilla", "[1]", 422, "not an object"),
        ("csv", "a,b", 400, "format"),
    ],
)
async def test_a_file_that_is_wrong_is_refused_whole(ask, editor, campaign, name, content, status, said):
    path = f"/campaigns/{campaign['id']}"
    assert said in (await ask(editor, "POST", f"{path}/import", status, params={"format": name}, content=content))["message"]
    assert (await ask(editor, "GET", f"{path}/items"))["items"] == []


async def test_what_is_another_s_or_not_there_is_not_found(ask, editor, viewer, admin, campaign):
    await ask(editor, "POST", f"/campaigns/{campaign['id']}/import", content=lines(1))
    (given,) = await give(ask, viewer, campaign)
    await label(ask, admin, given, "At seven.", 404)
    for method, path in (
        ("GET", f"/campaigns/{uuid.uuid4()}"),
        ("GET", f"/campaigns/{uuid.uuid4()}/export"),
        ("GET", f"/campaigns/{uuid.uuid4()}/statistics"),
        ("GET", f"/items/{uuid.uuid4()}"),
        ("POST", f"/assignments/{uuid.uuid4()}/extend"),
    ):
        await ask(editor, method, path, 404)
    extended = await ask(viewer, "POST", f"/assignments/{given['assignment_id']}/extend")
    assert extended["lease_until"] > given["lease_until"]
