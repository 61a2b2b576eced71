"""Who is let in, who is not, and what each may do."""

from __future__ import annotations

import asyncio
import re
import uuid

import pytest
from sqlalchemy import text

from api.web.authenticate import scope_for
from api.web.principal import Role
from cluster.settings import AuthSettings
from tests.patience import PATIENCE_S

WHO = "/api/v1/auth/verify"


async def test_everything_but_the_public_paths_wants_a_key(client, error):
    answer = await client.get("/api/v1/users")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert error(answer)["type"] == "authentication_error"
    assert (await client.get("/api/v1/nothing/here")).status_code == 401
    for path in ("/healthz", "/metrics", "/docs", "/openapi.json"):
        assert (await client.get(path)).status_code == 200
    assert (await client.get("/stream/no-such-token")).status_code == 404


async def test_metrics_can_be_closed(open_app, admin):
    async with open_app(AuthSettings(public_metrics=False)) as client:
        assert (await client.get("/metrics")).status_code == 401
        assert (await client.get("/metrics", headers=admin.headers)).status_code == 200


async def test_a_key_says_who_is_asking(client, admin):
    answer = await client.post(WHO, json={}, headers=admin.headers)
    assert answer.json()["data"]["user_id"] == str(admin.user_id)
    assert answer.json()["data"]["role"] == "admin"


@pytest.mark.parametrize(
    "header",
    [
        "",
        "Bearer",
        "Bearer ",
        "Basic YTpi",
        "Bearer hk_",
        "Bearer a b",
        "Bearer ' OR 1=1 --",
        "Bearer \xff",
        "Bearer " + "a" * 20_000,
        "bearer a.b.c",
    ],
)
async def test_what_is_no_token_is_nobody(client, header):
    answer = await client.post(WHO, json={}, headers=[(b"authorization", header.encode("latin-1"))])
    assert answer.status_code == 401


async def test_two_authorization_headers_are_refused(client, admin):
    value = admin.headers["Authorization"].encode()
    assert (await client.post(WHO, json={}, headers=[(b"authorization", value), (b"authorization", value)])).status_code == 401


async def test_a_known_key_is_not_looked_up_again_for_a_while_and_its_end_is_noticed_after_it(open_app, admin, stores, eventually):
    async with open_app(AuthSettings(cache_s=0.5)) as one, open_app(AuthSettings(cache_s=0.5)) as two:
        assert (await one.get("/api/v1/users/me", headers=admin.headers)).status_code == 200
        key_id = (await one.post(WHO, json={}, headers=admin.headers)).json()["data"]["key_id"]
        async with stores.database.session() as session:
            await session.execute(text("UPDATE api_keys SET revoked_at = now() WHERE id = :id"), {"id": uuid.UUID(key_id)})
        assert (await two.get("/api/v1/users/me", headers=admin.headers)).status_code == 401
        async with asyncio.timeout(PATIENCE_S):
            while (await one.get("/api/v1/users/me", headers=admin.headers)).status_code != 401:  # noqa: ASYNC110 - what is waited for is time that passes
                await asyncio.sleep(0.05)


async def test_many_requests_with_one_key_at_once_are_all_answered(client, admin):
    answers = await asyncio.gather(*(client.post(WHO, json={}, headers=admin.headers) for _ in range(50)))
    assert {answer.status_code for answer in answers} == {200}


async def test_each_role_may_what_it_includes(client, admin, make_person):
    viewer = await make_person(Role.VIEWER, admin)
    editor = await make_person(Role.EDITOR, admin)
    new = {"email": f"{uuid.uuid4().hex}@example.org", "name": "New"}
    for person in (viewer, editor):
        assert (await client.get("/api/v1/users", headers=person.headers)).status_code == 200
        assert (await client.post("/api/v1/users", json=new, headers=person.headers)).status_code == 403
        assert (await client.get("/api/v1/audit", headers=person.headers)).status_code == 403
        assert (await client.get("/api/v1/audit/export", headers=person.headers)).status_code == 403
    assert (await client.get("/api/v1/secrets", headers=viewer.headers)).status_code == 403
    assert (await client.get("/api/v1/secrets", headers=editor.headers)).status_code == 200
    assert (await client.post("/api/v1/users", json=new, headers=admin.headers)).status_code == 200


async def test_a_key_with_scopes_may_only_those(client, make_person):
    limited = await make_person(scopes=("models",))
    assert (await client.get("/api/v1/users", headers=limited.headers)).status_code == 403
    assert (await client.post(WHO, json={}, headers=limited.headers)).status_code == 200
    managing = await make_person(scopes=("admin",))
    assert (await client.get("/api/v1/users", headers=managing.headers)).status_code == 200
    wider = {"name": "wider"}
    assert (await client.post("/api/v1/keys", json=wider, headers=managing.headers)).status_code == 403
    assert (await client.post("/api/v1/keys", json=wider | {"scopes": ["read"]}, headers=managing.headers)).status_code == 403
    assert (await client.post("/api/v1/keys", json=wider | {"scopes": ["admin"]}, headers=managing.headers)).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "needed"),
    [
        ("POST", "/v1/chat/completions", "models"),
        ("GET", "/api/v1/models", "read"),
        ("POST", "/api/v1/vision/ocr", "write"),
        ("GET", "/api/v1/keys", "admin"),
    ],
)
def test_the_scope_that_a_request_needs(method, path, needed):
    assert scope_for(method, path) == needed


async def test_nobody_reaches_rows_of_another_organisation(client, admin, make_person):
    """Every operation with an id in its path, tried with another organisation's ids by an admin."""
    stranger = await make_person()
    team = (await client.post("/api/v1/teams", json={"name": "theirs"}, headers=admin.headers)).json()["data"]["id"]
    key = (await client.post("/api/v1/keys", json={"name": "theirs"}, headers=admin.headers)).json()["data"]["entry"]["id"]
    await client.post("/api/v1/secrets", json={"name": "theirs", "value": "x"}, headers=admin.headers)
    ids = {"user_id": str(admin.user_id), "team_id": team, "key_id": key, "name": "theirs", "organisation_id": str(admin.organisation_id)}
    bodies = {"patch": {"name": "mine now"}, "put": {"value": "mine now"}, "post": {}}
    document = (await client.get("/openapi.json")).json()
    tried = 0
    for path, operations in document["paths"].items():
        names = re.findall(r"{(\w+)}", path)
        if not names or not set(names) <= set(ids):
            continue
        for method in operations:
            body = {"role": "viewer"} if path.startswith("/api/v1/users") and method == "patch" else bodies.get(method)
            sent = {"json": body} if body is not None and "members" not in path else {}
            answer = await client.request(method.upper(), path.format(**ids), headers=stranger.headers, **sent)
            assert answer.status_code == 404, (method, path, answer.text)
            tried += 1
    assert tried >= 18
    listed = [
        (await client.get(f"/api/v1/{noun}", headers=stranger.headers)).text for noun in ("users", "teams", "keys", "secrets", "audit")
    ]
    assert not [place for place in listed if str(admin.user_id) in place or team in place or "theirs" in place]
    assert (await client.get(f"/api/v1/teams/{team}", headers=admin.headers)).json()["data"]["name"] == "theirs"
