"""``/api/v1/releases``: made, let in by the gate, put into service, taken back."""

from __future__ import annotations

import json
import uuid
from pathlib import Path
from typing import Any

import httpx

from cluster.fakes.gateway import FakeGateway
from tests.api.adapters.shelf import URL as ADAPTERS
from tests.api.adapters.shelf import data_of, upload, zipped
from tests.api.conftest import error_of
from tests.api.fixtures.people import Person, add_person
from tests.api.releases.shelf import FORCED, URL, act, ask, make, prompt, roll_back, told
from tests.cluster.learning.adapters.folders import BASE, write_adapter


async def adapter(client: httpx.AsyncClient, person: Person, folder: Path) -> Any:
    return data_of(await upload(client, zipped(folder), "records", person.headers))


async def adapter_act(client: httpx.AsyncClient, person: Person, row: Any, what: str, body: object, method: str = "POST"):
    return await client.request(method, f"{ADAPTERS}/{row['id']}/{what}", json=body, headers=person.headers)


async def test_a_release_is_tried_by_its_name_and_keeps_what_its_parts_were(client, editor: Person, gateway: FakeGateway):
    name = await prompt(client, editor, "Be brief.")
    found = await make(client, editor, None, prompt={"name": name}, retrieval={"settings": "keywords"})
    assert (found["model"], found["state"], found["percent"]) == (f"{BASE}:release:support@1", "draft", None)
    assert (found["prompt"]["text"], found["retrieval"]["settings"]) == ("Be brief.", "keywords")
    (kept,) = data_of(await client.get("/api/v1/prompts", headers=editor.headers))["items"]
    data_of(await client.delete(f"/api/v1/prompts/{kept['id']}", headers=editor.headers))
    for model in (f"{BASE}:release:support", found["model"]):
        choice = await ask(client, editor, model)
        assert told(gateway) == ("Be brief.", None)
        assert choice["provenance"] == {"served_by": BASE, "fallbacks": [], "cached": False, "release": "support@1"}
    await ask(client, editor)
    assert told(gateway) == (None, None)
    assert data_of(await client.get(f"{URL}/{found['id']}", headers=editor.headers)) == found
    again = await make(client, editor, "Be long.")
    assert again["version"] == 2
    page = data_of(await client.get(f"{URL}?limit=1", headers=editor.headers))
    rest = data_of(await client.get(f"{URL}?limit=1&cursor={page['next_cursor']}", headers=editor.headers))
    assert [one["version"] for one in (*page["releases"], *rest["releases"])] == [2, 1]


async def test_whoever_says_how_to_answer_is_not_told_otherwise(client, admin: Person, gateway: FakeGateway):
    data_of(await act(client, admin, await make(client, admin), "promote", FORCED))
    await ask(client, admin, messages=[{"role": "system", "content": "Rhyme."}, {"role": "user", "content": "hello"}])
    assert told(gateway) == ("Rhyme.", None)
    await ask(client, admin, f"{BASE}:base")
    assert told(gateway) == (None, None)


async def test_a_rollback_gives_back_the_whole_of_what_was_before(
    client, admin: Person, gateway: FakeGateway, folder: Path, tmp_path: Path
):
    one, two = await adapter(client, admin, folder), await adapter(client, admin, write_adapter(tmp_path / "two", seed=2))
    data_of(await adapter_act(client, admin, one, "promote", {"force": True}))
    for release in (await make(client, admin, "First."), await make(client, admin, "Second.", adapter_id=two["id"])):
        promoted = data_of(await act(client, admin, release, "promote", FORCED))
        assert (promoted["state"], promoted["override"], promoted["approver_id"]) == (
            "in_service",
            FORCED["reason"],
            str(admin.user_id),
        )
    choice = await ask(client, admin)
    assert told(gateway) == ("Second.", uuid.UUID(two["id"]).hex)
    assert (choice["provenance"]["served_by"], choice["provenance"]["release"]) == (two["model"], "support@2")
    for url, expected in ((URL, ("First.", None)), (ADAPTERS, (None, uuid.UUID(one["id"]).hex)), (URL, (None, None))):
        route = await roll_back(client, admin, url)
        await ask(client, admin)
        assert told(gateway) == expected
        assert (route["release_id"] is not None) == (expected[0] is not None)
    nothing = await client.post(f"{URL}/rollback", json={"base": BASE}, headers=admin.headers)
    assert error_of(nothing)["code"] == "conflict"
    states = {one["version"]: one["state"] for one in data_of(await client.get(URL, headers=admin.headers))["releases"]}
    assert states == {1: "passed", 2: "passed"}


async def test_an_adapter_by_itself_takes_no_half_of_a_release_away(client, admin: Person, folder: Path):
    row, release = await adapter(client, admin, folder), await make(client, admin)
    data_of(await act(client, admin, release, "canary", {"percent": 5, **FORCED}, "PUT"))
    for percent in (5, 0):
        answer = await adapter_act(client, admin, row, "canary", {"percent": percent}, "PUT")
        assert "A release is tried" in error_of(answer)["message"]
    data_of(await act(client, admin, release, "promote", FORCED))
    for what, body, method in (("promote", {"force": True}, "POST"), ("canary", {"percent": 5}, "PUT")):
        answer = await adapter_act(client, admin, row, what, body, method)
        assert (answer.status_code, "A release answers" in error_of(answer)["message"]) == (409, True)
    await roll_back(client, admin)
    data_of(await adapter_act(client, admin, row, "canary", {"percent": 5}, "PUT"))
    answer = await act(client, admin, release, "ab", {"percent": 50}, "PUT")
    assert (answer.status_code, "Something else is tried" in error_of(answer)["message"]) == (409, True)


async def test_an_adapter_that_a_release_has_stays(client, admin: Person, folder: Path):
    row = await adapter(client, admin, folder)
    release = await make(client, admin, None, adapter_id=row["id"])
    retired = await client.post(f"{ADAPTERS}/{row['id']}/retire", headers=admin.headers)
    assert (retired.status_code, "support@1" in error_of(retired)["message"]) == (409, True)
    assert data_of(await act(client, admin, release, "retire"))["state"] == "retired"
    data_of(await client.post(f"{ADAPTERS}/{row['id']}/retire", headers=admin.headers))
    assert (await client.delete(f"{ADAPTERS}/{row['id']}", headers=admin.headers)).status_code == 409
    data_of(await client.delete(f"{URL}/{release['id']}", headers=admin.headers))
    data_of(await client.delete(f"{ADAPTERS}/{row['id']}", headers=admin.headers))


async def test_only_what_passed_the_gate_is_shown_to_people(client, admin: Person, editor: Person):
    release = await make(client, editor)
    for what, body, method in (("promote", {}, "POST"), ("canary", {"percent": 5}, "PUT"), ("ab", {"percent": 50}, "PUT")):
        assert "has not passed the gate" in error_of(await act(client, editor, release, what, body, method))["message"]
        assert (await act(client, editor, release, what, body | FORCED, method)).status_code == 403
    assert (await act(client, admin, release, "promote", {"force": True})).status_code == 422
    tried = data_of(await act(client, admin, release, "canary", {"percent": 5, **FORCED}, "PUT"))
    assert (tried["state"], tried["override"]) == ("canary", FORCED["reason"])
    assert "has not passed the gate" in error_of(await act(client, editor, release, "promote", {}))["message"]
    data_of(await act(client, editor, release, "canary", {"percent": 0}, "PUT"))
    file = {"file": ("task.jsonl", json.dumps({"messages": [{"role": "user", "content": "?"}], "chosen": "!", "source": {"kind": "upload", "id": "x"}}))}  # fmt: skip  # noqa: E501
    items = (await client.post("/v1/files", data={"purpose": "evals"}, files=file, headers=editor.headers)).json()["id"]
    asked = data_of(await act(client, editor, release, "evaluate", {"held_out_file": items}))
    assert (asked["candidate"], asked["incumbent"]) == (release["model"], f"{BASE}:base")


async def test_who_asks_always_gets_the_same_and_a_canary_ends_where_it_is_promoted(client, admin: Person, gateway: FakeGateway):
    release = await make(client, admin)
    tried = data_of(await act(client, admin, release, "canary", {"percent": 50, **FORCED}, "PUT"))
    assert (tried["state"], tried["percent"]) == ("canary", 50)
    tried = data_of(await act(client, admin, release, "ab", {"percent": 50}, "PUT"))
    assert (tried["state"], tried["percent"]) == ("ab", 50)
    chosen: dict[str, set[str | None]] = {}
    for _ in range(2):
        for person in map(str, range(20)):
            await ask(client, admin, user=person)
            chosen.setdefault(person, set()).add(told(gateway)[0])
    assert {len(prompts) for prompts in chosen.values()} == {1}
    assert {prompts.pop() for prompts in chosen.values()} == {None, "Be brief."}
    other = await make(client, admin, "Other.", "other")
    assert (await act(client, admin, other, "canary", {"percent": 5, **FORCED}, "PUT")).status_code == 409
    assert data_of(await act(client, admin, other, "canary", {"percent": 0}, "PUT"))["state"] == "draft"
    assert data_of(await act(client, admin, release, "promote", FORCED))["state"] == "in_service"
    assert "nothing to try" in error_of(await act(client, admin, release, "canary", {"percent": 5}, "PUT"))["message"]
    (route,) = data_of(await client.get(f"{ADAPTERS}/routes", headers=admin.headers))["routes"]
    assert (route["canary_release_id"], route["percent"], route["release_id"]) == (None, 0, release["id"])


async def test_what_requests_go_to_is_neither_retired_nor_deleted(client, admin: Person):
    release = await make(client, admin)
    data_of(await act(client, admin, release, "shadow", {"percent": 5}, "PUT"))
    assert (await act(client, admin, release, "retire")).status_code == 409
    assert data_of(await act(client, admin, release, "shadow", {"percent": 0}, "PUT"))["state"] == "draft"
    data_of(await act(client, admin, release, "promote", FORCED))
    for method in ("retire", ""):
        answer = await client.request("POST" if method else "DELETE", f"{URL}/{release['id']}/{method}".rstrip("/"), headers=admin.headers)
        assert error_of(answer)["code"] == "conflict"
    await roll_back(client, admin)
    assert (await client.delete(f"{URL}/{release['id']}", headers=admin.headers)).status_code == 409
    data_of(await act(client, admin, release, "retire"))
    assert (await act(client, admin, release, "promote", FORCED)).status_code == 409
    data_of(await client.delete(f"{URL}/{release['id']}", headers=admin.headers))
    assert (await client.get(f"{URL}/{release['id']}", headers=admin.headers)).status_code == 404


WRONG: list[tuple[dict[str, Any], int, str | None]] = [
    ({"prompt": None}, 422, None),
    ({"base": "nothing"}, 404, "base"),
    ({"base": "fake-embedder"}, 404, "base"),
    ({"base": f"{BASE}:pirate"}, 400, "base"),
    ({"base": "agent/answer"}, 400, "base"),
    ({"name": "Support!"}, 422, "name"),
    ({"prompt": {"name": "nobody's"}}, 404, "prompt"),
    ({"retrieval": {"settings": "defualt"}}, 404, "retrieval.settings"),
    ({"retrieval": {"settings": "default", "version": 999}}, 409, "retrieval.version"),
    ({"adapter_id": str(uuid.uuid4())}, 404, "adapter_id"),
    ({"adapter_id": 5}, 422, "adapter_id"),
    ({"surplus": 1}, 422, None),
]


async def test_what_is_no_release_is_refused_with_the_reason(client, editor: Person):
    right = {"base": BASE, "name": "support", "prompt": {"name": await prompt(client, editor, "Be brief.")}}
    for body, status, param in WRONG:
        answer = await client.post(URL, json=right | body, headers=editor.headers)
        assert answer.status_code == status, (body, answer.text)
        assert param is None or error_of(answer)["param"] == param, body
    assert data_of(await client.get(URL, headers=editor.headers))["releases"] == []


async def test_shares_prompts_and_versions_have_bounds(client, editor: Person):
    release, name = await make(client, editor), await prompt(client, editor, "x" * 20_001)
    for percent in (-1, 101, "5"):
        assert (await act(client, editor, release, "shadow", {"percent": percent}, "PUT")).status_code == 422
    long = await client.post(URL, json={"base": BASE, "name": "long", "prompt": {"name": name}}, headers=editor.headers)
    assert (long.status_code, "releases.prompt_chars" in long.text) == (413, True)
    unfilled = await prompt(client, editor, "You help $farmer.")
    answer = await client.post(URL, json={"base": BASE, "name": "open", "prompt": {"name": unfilled}}, headers=editor.headers)
    assert (answer.status_code, error_of(answer)["param"]) == (400, "prompt")
    for query in ("alpha=0", "difference=2", "power=x"):
        assert (await client.get(f"{URL}/{release['id']}/comparison?{query}", headers=editor.headers)).status_code in {400, 422}
    assert (await client.get(f"{URL}?cursor=nonsense", headers=editor.headers)).status_code == 400


async def test_another_organisation_neither_sees_nor_asks_it(client, stores, admin: Person):
    release = await make(client, admin)
    data_of(await act(client, admin, release, "promote", FORCED))
    other = await add_person(stores)
    assert (await ask(client, other)).get("provenance") is None
    body = {"model": release["model"], "messages": [{"role": "user", "content": "hello"}]}
    assert error_of(await client.post("/v1/chat/completions", json=body, headers=other.headers))["code"] == "model_not_found"
    assert data_of(await client.get(URL, headers=other.headers))["releases"] == []
    for what, sent, method in (
        ("", None, "GET"),
        ("", None, "DELETE"),
        ("/comparison", None, "GET"),
        ("/shadows", None, "GET"),
        ("/retire", None, "POST"),
        ("/promote", FORCED, "POST"),
        ("/canary", {"percent": 5}, "PUT"),
        ("/ab", {"percent": 5}, "PUT"),
        ("/shadow", {"percent": 5}, "PUT"),
        ("/evaluate", {"held_out_file": "file-1"}, "POST"),
    ):
        answer = await client.request(method, f"{URL}/{release['id']}{what}", json=sent, headers=other.headers)
        assert answer.status_code == 404, (what, answer.text)
    assert error_of(await client.post(f"{URL}/rollback", json={"base": BASE}, headers=other.headers))["code"] == "conflict"


async def test_every_change_is_in_the_audit_log(client, admin: Person):
    release = await make(client, admin)
    data_of(await act(client, admin, release, "shadow", {"percent": 5}, "PUT"))
    data_of(await act(client, admin, release, "canary", {"percent": 5, **FORCED}, "PUT"))
    data_of(await act(client, admin, release, "ab", {"percent": 50}, "PUT"))
    data_of(await act(client, admin, release, "promote", FORCED))
    data_of(await client.post(f"{ADAPTERS}/rollback", json={"base": BASE}, headers=admin.headers))
    data_of(await act(client, admin, release, "retire"))
    data_of(await client.delete(f"{URL}/{release['id']}", headers=admin.headers))
    events = data_of(await client.get("/api/v1/audit?action=release", headers=admin.headers))["events"]
    assert [event["action"].partition(".")[2] for event in reversed(events)] == [
        "added", "shadow", "canary", "ab", "promoted", "retired", "removed",
    ]  # fmt: skip
    assert {event["actor_id"] for event in events} == {str(admin.user_id)}
    canary = next(event for event in events if event["action"] == "release.canary")
    assert (canary["detail"]["reason"], canary["target"]) == (FORCED["reason"], f"release:{release['id']}")
    (back,) = data_of(await client.get("/api/v1/audit?action=adapter", headers=admin.headers))["events"]
    assert (back["action"], back["target"]) == ("adapter.rolled_back", f"model:{BASE}")
