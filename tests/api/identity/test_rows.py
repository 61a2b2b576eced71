"""Keys, people, teams, the audit log and secrets, as an admin uses them."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import text
from sqlalchemy.exc import ProgrammingError

from api.people.first import first
from api.secrets.service import rotate
from api.web.principal import Role
from cluster.errors import EngineError, NotFound
from cluster.secrets.keyring import KeyRing
from cluster.secrets.source import SecretSource


async def new_key(client: httpx.AsyncClient, person: Any, **body: object) -> dict[str, Any]:
    answer = await client.post("/api/v1/keys", json={"name": "made"} | body, headers=person.headers)
    assert answer.status_code == 200, answer.text
    data: dict[str, Any] = answer.json()["data"]
    return data


async def test_a_key_is_shown_once_and_listed_by_its_beginning(client, admin):
    made = await new_key(client, admin, scopes=["models"])
    listed = await client.get("/api/v1/keys", headers=admin.headers)
    entry = next(entry for entry in listed.json()["data"] if entry["id"] == made["entry"]["id"])
    assert made["key"].startswith(entry["prefix"])
    assert made["key"] not in listed.text
    assert entry["last_used_at"] is None
    await client.post("/api/v1/auth/verify", json={}, headers={"Authorization": f"Bearer {made['key']}"})
    assert (await client.get(f"/api/v1/keys/{entry['id']}", headers=admin.headers)).json()["data"]["last_used_at"]


async def test_a_rotated_key_stays_valid_for_its_overlap_and_a_revoked_one_does_not(client, admin):
    for overlap, status in ((60, 200), (0, 401)):
        old = await new_key(client, admin)
        new = await client.post(f"/api/v1/keys/{old['entry']['id']}/rotate", json={"overlap_s": overlap}, headers=admin.headers)
        for key, expected in ((old["key"], status), (new.json()["data"]["key"], 200)):
            shown = await client.post("/api/v1/auth/verify", json={}, headers={"Authorization": f"Bearer {key}"})
            assert shown.status_code == expected
    key = new.json()["data"]
    assert (await client.delete(f"/api/v1/keys/{key['entry']['id']}", headers=admin.headers)).status_code == 200
    assert (await client.get("/api/v1/users/me", headers={"Authorization": f"Bearer {key['key']}"})).status_code == 401


async def test_of_two_replicas_that_rotate_one_key_at_once_one_wins(open_app, admin):
    async with open_app() as one, open_app() as two:
        old = await new_key(one, admin)
        path = f"/api/v1/keys/{old['entry']['id']}/rotate"
        answers = await asyncio.gather(*(client.post(path, json={}, headers=admin.headers) for client in (one, two, one, two)))
        assert sorted(answer.status_code for answer in answers) == [200, 409, 409, 409]


async def test_an_editor_sees_only_their_own_keys(client, admin, make_person):
    editor = await make_person(Role.EDITOR, admin)
    mine = await new_key(client, editor)
    assert {entry["owner_id"] for entry in (await client.get("/api/v1/keys", headers=editor.headers)).json()["data"]} == {
        str(editor.user_id)
    }
    theirs = await new_key(client, admin)
    assert (await client.delete(f"/api/v1/keys/{theirs['entry']['id']}", headers=editor.headers)).status_code == 404
    assert (await client.post(f"/api/v1/keys/{mine['entry']['id']}/rotate", json={}, headers=admin.headers)).status_code == 403


async def test_the_last_admin_stays_and_two_cannot_remove_each_other(client, admin, make_person):
    me = f"/api/v1/users/{admin.user_id}"
    assert (await client.patch(me, json={"role": "viewer"}, headers=admin.headers)).status_code == 409
    assert (await client.delete(me, headers=admin.headers)).status_code == 409
    other = await make_person(Role.ADMIN, admin)
    answers = await asyncio.gather(
        client.delete(f"/api/v1/users/{other.user_id}", headers=admin.headers), client.delete(me, headers=other.headers)
    )
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [200, 401])


async def test_a_removed_person_is_out_and_an_erased_one_is_gone(client, admin, make_person, stores):
    for query in ("", "?hard_delete=true"):
        colleague = await make_person(Role.EDITOR, admin)
        assert (await client.delete(f"/api/v1/users/{colleague.user_id}{query}", headers=admin.headers)).status_code == 200
        assert (await client.get("/api/v1/users/me", headers=colleague.headers)).status_code == 401
        async with stores.database.session() as session:
            left = await session.scalar(text("SELECT count(*) FROM users WHERE id = :id"), {"id": colleague.user_id})
        assert left == (0 if query else 1)


async def test_somebody_of_two_organisations_is_not_erased_or_switched_off_by_one(client, admin, make_person):
    stranger = await make_person()
    added = await client.post(
        "/api/v1/users", json={"email": stranger.email, "name": "x", "password": "taken over now"}, headers=admin.headers
    )
    assert added.status_code == 200
    path = f"/api/v1/users/{stranger.user_id}"
    assert (await client.patch(path, json={"is_active": False}, headers=admin.headers)).status_code == 403
    assert (await client.post(f"{path}/invitation", json={}, headers=admin.headers)).status_code == 403
    assert (await client.delete(f"{path}?hard_delete=true", headers=admin.headers)).status_code == 403
    login = {"email": stranger.email, "password": "taken over now"}
    assert (await client.post("/api/v1/auth/login", json=login)).status_code == 401
    assert (await client.get("/api/v1/users/me", headers=stranger.headers)).json()["data"]["role"] == "admin"


async def test_users_are_listed_in_pages(client, admin, make_person):
    for _ in range(4):
        await make_person(Role.VIEWER, admin)
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = (await client.get("/api/v1/users", params={"limit": 2, "cursor": cursor}, headers=admin.headers)).json()["data"]
        found += [user["email"] for user in page["users"]]
        cursor = page["next_cursor"]
    assert found == sorted(set(found))
    assert len(found) == 5


async def test_teams_hold_members_of_the_organisation_only(client, admin, make_person):
    colleague, stranger = await make_person(Role.VIEWER, admin), await make_person()
    team = (await client.post("/api/v1/teams", json={"name": "research"}, headers=admin.headers)).json()["data"]
    assert (await client.post("/api/v1/teams", json={"name": "research"}, headers=admin.headers)).status_code == 409
    path = f"/api/v1/teams/{team['id']}"
    for _ in range(2):
        joined = await client.put(f"{path}/members/{colleague.user_id}", headers=admin.headers)
        assert joined.json()["data"]["members"] == [str(colleague.user_id)]
    assert (await client.put(f"{path}/members/{stranger.user_id}", headers=admin.headers)).status_code == 404
    assert (await client.delete(f"{path}/members/{colleague.user_id}", headers=admin.headers)).json()["data"]["members"] == []
    assert (await client.patch(path, json={"name": "other"}, headers=admin.headers)).json()["data"]["name"] == "other"
    assert (await client.delete(path, headers=admin.headers)).status_code == 200
    assert (await client.get(path, headers=admin.headers)).status_code == 404


async def test_a_person_makes_an_organisation_and_goes_on_there(client, admin, signed_in):
    made = (await client.post("/api/v1/organisations", json={"name": "second"}, headers=admin.headers)).json()["data"]
    pair = await signed_in(client, admin)
    body = {"refresh_token": pair["refresh_token"], "organisation_id": made["id"]}
    moved = (await client.post("/api/v1/auth/refresh", json=body)).json()["data"]
    assert (moved["organisation_id"], moved["role"]) == (made["id"], "admin")
    body = {"refresh_token": moved["refresh_token"], "organisation_id": str(uuid.uuid4())}
    assert (await client.post("/api/v1/auth/refresh", json=body)).status_code == 401


@pytest.mark.parametrize("change", ["UPDATE audit_events SET action = 'nothing'", "DELETE FROM audit_events", "TRUNCATE audit_events"])
async def test_the_database_refuses_to_change_the_audit_log(stores, admin, client, change):
    await new_key(client, admin)
    with pytest.raises(ProgrammingError, match="can only grow"):
        async with stores.database.session() as session:
            await session.execute(text(change))


async def test_the_audit_log_says_who_did_what_from_where_and_is_exported(client, admin):
    made = await client.post("/api/v1/keys", json={"name": "made"}, headers=admin.headers | {"X-Request-Id": "request-of-mine"})
    target = f"key:{made.json()['data']['entry']['id']}"
    for _ in range(3):
        await new_key(client, admin)
    page = (await client.get("/api/v1/audit", params={"action": "key", "limit": 2}, headers=admin.headers)).json()["data"]
    rest = (await client.get("/api/v1/audit", params={"action": "key", "cursor": page["next_cursor"]}, headers=admin.headers)).json()[
        "data"
    ]
    assert (len(page["events"]), len(rest["events"]), rest["next_cursor"]) == (2, 2, None)
    event = rest["events"][-1]
    assert (event["target"], event["request_id"], event["actor_id"]) == (target, "request-of-mine", str(admin.user_id))
    assert event["address"].startswith("test-")
    lines = (await client.get("/api/v1/audit/export", params={"target": target}, headers=admin.headers)).text.splitlines()
    assert [json.loads(line)["action"] for line in lines] == ["key.created"]
    exported = await client.get("/api/v1/audit/export", params={"format": "csv", "action": "key"}, headers=admin.headers)
    assert exported.headers["content-type"].startswith("text/csv")
    assert len(list(csv.DictReader(io.StringIO(exported.text)))) == 4


async def test_a_secret_is_versioned_and_its_value_shown_only_where_asked(client, admin, stores, home):
    made = await client.post("/api/v1/secrets", json={"name": "openai", "value": "sk-very-hidden"}, headers=admin.headers)
    assert made.status_code == 200
    assert (await client.post("/api/v1/secrets", json={"name": "openai", "value": "x"}, headers=admin.headers)).status_code == 409
    await client.put("/api/v1/secrets/openai", json={"value": "sk-second-hidden"}, headers=admin.headers)
    shown = [
        (await client.get(path, headers=admin.headers)).text
        for path in ("/api/v1/secrets", "/api/v1/secrets/openai", "/api/v1/secrets/openai/versions", "/api/v1/audit")
    ]
    assert not [text for text in [*shown, made.text] if "hidden" in text]
    values = [
        (await client.get(f"/api/v1/secrets/openai/value{query}", headers=admin.headers)).json()["data"]["value"]
        for query in ("", "?version=1")
    ]
    assert values == ["sk-second-hidden", "sk-very-hidden"]
    source = SecretSource(stores.database, KeyRing(home / "keys" / "secrets.key"))
    assert await source.resolve(admin.organisation_id, "secret:openai") == "sk-second-hidden"
    assert await source.resolve(admin.organisation_id, "as it is") == "as it is"
    with pytest.raises(NotFound):
        await source.resolve(uuid.uuid4(), "secret:openai")
    assert (await client.delete("/api/v1/secrets/openai", headers=admin.headers)).status_code == 200
    assert (await client.get("/api/v1/secrets/openai/value", headers=admin.headers)).status_code == 404


def test_a_sealed_value_opens_only_where_it_belongs(tmp_path):
    ring = KeyRing(tmp_path / "keys" / "secrets.key")
    version, sealed = ring.seal("hidden", "here|name|1")
    assert b"hidden" not in sealed
    assert ring.open(version, sealed, "here|name|1") == "hidden"
    assert (tmp_path / "keys" / "secrets.key").stat().st_mode & 0o777 == 0o600
    for other, about in ((sealed, "there|name|1"), (sealed[:-1] + bytes([sealed[-1] ^ 1]), "here|name|1"), (b"", "here|name|1")):
        with pytest.raises(EngineError):
            ring.open(version, other, about)


async def test_rotation_seals_everything_anew_and_forgets_the_old_key(client, admin, stores, home):
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM secrets"))  # those of other tests were sealed with keys of theirs
    await client.post("/api/v1/secrets", json={"name": "one", "value": "hidden"}, headers=admin.headers)
    ring = KeyRing(home / "keys" / "secrets.key")
    before = ring.current()
    assert await rotate(stores.database, ring) == 1
    assert ring.current() == before + 1
    assert len((home / "keys" / "secrets.key").read_text().splitlines()) == 1
    assert (await client.get("/api/v1/secrets/one/value", headers=admin.headers)).json()["data"]["value"] == "hidden"


async def test_the_first_start_does_nothing_where_an_organisation_exists(store_settings, admin):
    assert await first(store_settings) is None
