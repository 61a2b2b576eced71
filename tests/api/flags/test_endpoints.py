from __future__ import annotations

import asyncio
import uuid

import pytest
from openfeature.contrib.provider.ofrep import OFREPProvider
from openfeature.evaluation_context import EvaluationContext
from openfeature.exception import FlagNotFoundError, TypeMismatchError

from api.web.principal import Role
from cluster.settings import LimitSettings
from tests.api.fixtures.people import add_person

FLAGS, ASK = "/api/v1/flags", "/ofrep/v1/evaluate/flags"
FOR_MIRA = {"rules": [{"where": {"targetingKey": ["mira"]}, "variant": "on"}]}


@pytest.fixture
async def kept(client, admin):
    """Makes a flag, or says it anew, and answers its entry."""

    async def keep(key: str, body: dict[str, object]) -> dict[str, object]:
        answer = await client.post(FLAGS, json={"key": key, **body}, headers=admin.headers)
        if answer.status_code == 409:
            answer = await client.put(f"{FLAGS}/{key}", json=body, headers=admin.headers)
        assert answer.status_code == 200, answer.text
        entry: dict[str, object] = answer.json()["data"]
        return entry

    return keep


async def test_a_flag_is_made_said_anew_listed_and_deleted(client, admin, kept):
    first = await kept("page", {})
    assert (first["default"], first["variants"], first["enabled"]) == ("off", {"on": True, "off": False}, True)
    again = await kept("page", FOR_MIRA | {"description": "For Mira."})
    assert again["created_at"] == first["created_at"]
    assert str(again["updated_at"]) > str(first["updated_at"])
    assert (await client.get(FLAGS, headers=admin.headers)).json()["data"] == [again]
    assert (await client.get(f"{FLAGS}/page", headers=admin.headers)).json()["data"] == again
    assert (await client.delete(f"{FLAGS}/page", headers=admin.headers)).status_code == 200
    for method, url in (("GET", FLAGS), ("PUT", FLAGS), ("DELETE", FLAGS), ("POST", ASK)):
        body: dict[str, object] | None = {} if method in {"PUT", "POST"} else None
        assert (await client.request(method, f"{url}/page", json=body, headers=admin.headers)).status_code == 404


async def test_a_key_is_taken_once(client, admin, kept, error):
    await kept("page", {})
    again = await client.post(FLAGS, json={"key": "page"}, headers=admin.headers)
    assert again.status_code == 409
    assert error(again)["param"] == "key"


async def test_what_admins_do_to_flags_is_in_the_audit_log(client, admin, kept):
    await kept("page", {"enabled": False})
    await kept("page", {})
    await client.delete(f"{FLAGS}/page", headers=admin.headers)
    events = (await client.get("/api/v1/audit", headers=admin.headers)).json()["data"]["events"]
    mine = [(event["action"], event["detail"]) for event in events if event["target"] == "flag:page"]
    assert sorted(mine) == [("flag.changed", {"enabled": True}), ("flag.created", {"enabled": False}), ("flag.removed", {})]


async def test_without_a_context_it_is_asked_for_the_caller(client, admin, kept, stores):
    await kept("admins", {"rules": [{"where": {"role": ["admin"]}, "variant": "on"}]})
    viewer = await add_person(stores, Role.VIEWER, admin)
    await kept("one", {"rules": [{"where": {"targetingKey": [str(viewer.user_id)]}, "variant": "on"}]})
    for person, expected in ((admin, {"admins": True, "one": False}), (viewer, {"admins": False, "one": True})):
        answer = await client.post(ASK, json={}, headers=person.headers)
        assert {found["key"]: found["value"] for found in answer.json()["flags"]} == expected


async def test_a_page_that_asks_again_is_told_only_of_changes(client, admin, kept):
    await kept("page", FOR_MIRA)
    first = await client.post(ASK, json={}, headers=admin.headers)
    known = admin.headers | {"If-None-Match": first.headers["etag"]}
    assert (await client.post(ASK, json={}, headers=known)).status_code == 304
    assert (await client.post(ASK, json={"context": {"targetingKey": "mira"}}, headers=known)).json()["flags"][0]["variant"] == "on"
    await kept("page", {"default": "on"})
    assert (await client.post(ASK, json={}, headers=known)).status_code == 200


async def test_only_admins_change_flags_and_nobody_sees_those_of_others(client, admin, kept, stores):
    await kept("page", {})
    editor, stranger = await add_person(stores, Role.EDITOR, admin), await add_person(stores)
    assert (await client.post(FLAGS, json={"key": "other"}, headers=editor.headers)).status_code == 403
    assert (await client.put(f"{FLAGS}/page", json={}, headers=editor.headers)).status_code == 403
    assert (await client.delete(f"{FLAGS}/page", headers=editor.headers)).status_code == 403
    assert (await client.get(FLAGS, headers=stranger.headers)).json()["data"] == []
    assert (await client.post(f"{ASK}/page", json={}, headers=stranger.headers)).status_code == 404


async def test_a_flag_stays_when_the_admin_who_made_it_leaves(client, admin, stores):
    other = await add_person(stores, Role.ADMIN, admin)
    assert (await client.post(FLAGS, json={"key": "page"}, headers=other.headers)).status_code == 200
    erased = await client.delete(f"/api/v1/users/{other.user_id}?hard_delete=true", headers=admin.headers)
    assert erased.status_code == 200, erased.text
    assert (await client.get(f"{FLAGS}/page", headers=admin.headers)).status_code == 200


async def test_so_many_flags_are_kept(in_process, gateway, store_settings, stores, error):
    admin = await add_person(stores)
    async with in_process(gateway, store_settings.model_copy(update={"limits": LimitSettings(flags=2)})) as client:
        for key in ("one", "two"):
            assert (await client.post(FLAGS, json={"key": key}, headers=admin.headers)).status_code == 200
        refused = await client.post(FLAGS, json={"key": "three"}, headers=admin.headers)
    assert refused.status_code == 409
    assert "limits.flags" in error(refused)["message"]


@pytest.mark.parametrize(
    ("url", "body", "status"),
    [
        (f"{FLAGS}/page", {"variants": {"on": True, "off": "no"}}, 422),
        (f"{FLAGS}/page", {"rules": [{"split": {"on": 120}}]}, 422),
        (f"{FLAGS}/page", {"enabled": "yes"}, 422),
        (f"{FLAGS}/A page", {}, 400),
        (f"{FLAGS}/page", {"colour": "red"}, 422),
    ],
)
async def test_what_is_wrong_is_refused(client, admin, error, url, body, status):
    answer = await client.put(url, json=body, headers=admin.headers)
    assert answer.status_code == status
    error(answer)


@pytest.mark.parametrize("body", [{"context": {"targetingKey": 5}}, {"context": []}, {"flags": []}])
async def test_a_context_that_is_none_is_refused(client, admin, error, body):
    answer = await client.post(ASK, json=body, headers=admin.headers)
    assert answer.status_code == 400
    error(answer)


async def test_openfeatures_own_client_reads_them(served, gateway, store_settings, stores):
    admin = await add_person(stores)
    async with served(gateway, store_settings) as client:
        body = {
            "variants": {"warm": "#f80", "cold": "#08f"},
            "default": "cold",
            "rules": [{"where": {"plan": ["large"]}, "variant": "warm"}],
        }
        assert (await client.post(FLAGS, json={"key": "colour", **body}, headers=admin.headers)).status_code == 200
        provider = OFREPProvider(str(client.base_url), headers_factory=lambda: admin.headers)
        large = EvaluationContext(uuid.uuid4().hex, {"plan": "large"})
        details = await asyncio.to_thread(provider.resolve_string_details, "colour", "none", large)
        assert (details.value, details.variant, details.reason) == ("#f80", "warm", "TARGETING_MATCH")
        assert (await asyncio.to_thread(provider.resolve_string_details, "colour", "none")).value == "#08f"
        with pytest.raises(FlagNotFoundError):
            await asyncio.to_thread(provider.resolve_boolean_details, "nothing", False)
        with pytest.raises(TypeMismatchError):
            await asyncio.to_thread(provider.resolve_boolean_details, "colour", False)
        provider.session.close()
