"""``/api/v1/limits``: everybody sees their own, admins set those of their people, the owner those of organisations."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import Any

import httpx
import pytest

from api.audit.repository import AuditEvents, Filter
from api.people.repository import People
from api.web.principal import Role
from cluster.settings import SubjectQuota
from tests.api.fixtures.metering import ASK, ASK_URL
from tests.api.fixtures.people import Person, add_person

URL = "/api/v1/limits"
TWO = SubjectQuota(requests_per_minute=2, concurrent=4)


@pytest.fixture
async def owner(stores, person) -> Person:
    """An admin of the first organisation."""
    async with stores.database.session() as session:
        first = await People(session).first_organisation()
        assert first is not None
    return await add_person(stores, Role.ADMIN, replace(person, organisation_id=first.id))


def entry(answer: httpx.Response, kind: str) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    subjects: list[dict[str, Any]] = answer.json()["data"]["subjects"]
    return next(one for one in subjects if one["kind"] == kind)


async def test_everybody_sees_what_holds_for_them_and_what_is_left(open_app, make_person):
    viewer = await make_person(Role.VIEWER)
    async with open_app(user=TWO) as client:
        await client.post(ASK_URL, json=ASK, headers=viewer.headers)
        answer = await client.get(URL, headers=viewer.headers)
    assert [one["kind"] for one in answer.json()["data"]["subjects"]] == ["key", "user", "organisation"]
    mine = entry(answer, "user")
    assert mine["id"] == str(viewer.user_id)
    assert mine["limits"] == {"requests_per_minute": 2, "tokens_per_day": None, "concurrent": 4, "budget_per_month": None}
    assert mine["left"] == {"requests": 1, "tokens": None, "concurrent": 4, "budget": None}
    assert answer.json()["data"]["day_ends_at"].endswith("T00:00:00Z")


async def test_an_admin_sets_a_users_limit_and_it_holds_in_every_replica(open_app, person, make_person, stores):
    colleague = await make_person(Role.EDITOR, person)
    where = f"{URL}/user/{colleague.user_id}"
    async with open_app(user=TWO) as one, open_app(user=TWO) as other:
        put = await one.put(where, json={"requests_per_minute": 1, "budget_per_month": 2.5}, headers=person.headers)
        assert put.status_code == 200, put.text
        assert put.json()["data"]["limits"] == {
            "requests_per_minute": 1,
            "tokens_per_day": None,
            "concurrent": 4,
            "budget_per_month": 2.5,
        }
        assert entry(await other.get(URL, headers=colleague.headers), "user")["limits"] == put.json()["data"]["limits"]
        assert (await one.get("/v1/models", headers=colleague.headers)).status_code == 200
        assert (await other.get("/v1/models", headers=colleague.headers)).status_code == 429
        (override,) = (await other.get(f"{URL}/overrides", headers=person.headers)).json()["data"]
        assert (override["kind"], override["id"], override["limits"]["tokens_per_day"]) == ("user", str(colleague.user_id), None)
        for _ in range(2):
            assert (await one.delete(where, headers=person.headers)).status_code == 200
        assert (await one.get(where, headers=person.headers)).json()["data"]["limits"]["requests_per_minute"] == 2
        assert (await one.get(f"{URL}/overrides", headers=person.headers)).json()["data"] == []
    async with stores.database.session() as session:
        events = await AuditEvents(session).page(person.organisation_id, Filter("limit"), None, 10)
    assert [event.action for event in events] == ["limit.removed", "limit.removed", "limit.changed"]
    assert events[-1].detail == {"limits": ["requests_per_minute=1", "budget_per_month=2.5"]}


async def test_none_at_all_can_be_set_where_the_settings_have_a_limit(open_app, person):
    async with open_app(user=TWO) as client:
        await client.put(f"{URL}/user/{person.user_id}", json={"requests_per_minute": 0}, headers=person.headers)
        for _ in range(5):
            assert (await client.get("/v1/models", headers=person.headers)).status_code == 200


async def test_a_key_may_have_a_limit_of_its_own(open_app, person):
    async with open_app() as client:
        key_id = entry(await client.get(URL, headers=person.headers), "key")["id"]
        put = await client.put(f"{URL}/key/{key_id}", json={"tokens_per_day": 10}, headers=person.headers)
        assert put.status_code == 200
        assert entry(await client.get(URL, headers=person.headers), "key")["left"]["tokens"] == 10


@pytest.mark.parametrize("role", [Role.VIEWER, Role.EDITOR])
async def test_only_admins_set_limits_and_see_those_of_others(open_app, person, make_person, role):
    colleague = await make_person(role, person)
    where = f"{URL}/user/{colleague.user_id}"
    async with open_app() as client:
        for method, path in (("PUT", where), ("DELETE", where), ("GET", where), ("GET", f"{URL}/overrides")):
            answer = await client.request(method, path, json={"concurrent": 9} if method == "PUT" else None, headers=colleague.headers)
            assert answer.status_code == 403, (method, path)


async def test_a_key_without_the_scope_for_administration_sets_no_limit(open_app, person, make_person):
    limited = await make_person(Role.ADMIN, person, ("read", "write"))
    async with open_app() as client:
        assert (await client.get(URL, headers=limited.headers)).status_code == 200
        refused = await client.put(f"{URL}/user/{person.user_id}", json={"concurrent": 1}, headers=limited.headers)
    assert refused.status_code == 403


async def test_limits_of_another_organisation_are_not_there(open_app, person, make_person, error):
    stranger = await make_person()
    async with open_app() as client:
        key_id = entry(await client.get(URL, headers=stranger.headers), "key")["id"]
        for kind, subject in (("user", stranger.user_id), ("key", key_id), ("organisation", stranger.organisation_id)):
            for method in ("GET", "PUT", "DELETE"):
                body = {"concurrent": 1} if method == "PUT" else None
                answer = await client.request(method, f"{URL}/{kind}/{subject}", json=body, headers=person.headers)
                assert answer.status_code == 404, (kind, method)
                assert error(answer)["message"].startswith(f"There is no such {kind}")


async def test_an_organisations_limit_is_set_by_the_owner_of_the_machine_and_not_by_its_own_admin(open_app, make_person, owner, error):
    admin = await make_person()
    where = f"{URL}/organisation/{admin.organisation_id}"
    async with open_app() as client:
        refused = await client.put(where, json={"tokens_per_day": 0}, headers=admin.headers)
        assert refused.status_code == 403
        assert "to whom the machine belongs" in error(refused)["message"]
        assert (await client.put(where, json={"tokens_per_day": 5}, headers=owner.headers)).status_code == 200
        assert (await client.get(where, headers=admin.headers)).json()["data"]["limits"]["tokens_per_day"] == 5
        assert (await client.delete(where, headers=admin.headers)).status_code == 403
        assert (await client.delete(where, headers=owner.headers)).status_code == 200
        assert (await client.put(f"{URL}/organisation/{uuid.uuid4()}", json={"concurrent": 1}, headers=owner.headers)).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"concurrent": -1},
        {"concurrent": True},
        {"concurrent": 1.5},
        {"concurrent": "1"},
        {"requests_per_minute": 2**31},
        {"tokens_per_day": 2**60},
        {"budget_per_month": 1e7},
        {"budget": 1},
    ],
)
async def test_a_limit_that_makes_no_sense_is_refused(open_app, person, error, body):
    async with open_app() as client:
        answer = await client.put(f"{URL}/user/{person.user_id}", json=body, headers=person.headers)
    assert answer.status_code == 422
    assert error(answer)["message"]


@pytest.mark.parametrize("path", ["team/7d0f0c3e-6c0e-4c39-9d53-d83a1a6f3a10", "user/x", "user/';DROP TABLE users;--"])
async def test_a_subject_that_cannot_be_is_refused(open_app, person, path):
    async with open_app() as client:
        assert (await client.get(f"{URL}/{path}", headers=person.headers)).status_code == 400
