"""Passwords, sign-ins, their renewal and their end."""

from __future__ import annotations

import asyncio
import uuid

import pytest
from sqlalchemy import text

from api.auth.passwords import Passwords
from cluster.settings import AuthSettings

WHO, LOGIN, REFRESH = "/api/v1/auth/verify", "/api/v1/auth/login", "/api/v1/auth/refresh"


def bearer(pair: dict[str, str]) -> dict[str, str]:
    return {"Authorization": f"Bearer {pair['access_token']}"}


async def test_a_person_signs_in_and_is_known(client, admin, signed_in):
    pair = await signed_in(client, admin)
    who = (await client.post(WHO, json={}, headers=bearer(pair))).json()["data"]
    assert (who["user_id"], who["role"], who["key_id"]) == (str(admin.user_id), "admin", None)


async def test_the_case_of_an_email_does_not_matter(client, admin, password):
    answer = await client.post(LOGIN, json={"email": admin.email.upper(), "password": password})
    assert answer.status_code == 200


async def test_a_wrong_password_and_an_unknown_account_get_the_same_answer(client, admin):
    wrong = await client.post(LOGIN, json={"email": admin.email, "password": "not the password"})
    unknown = await client.post(LOGIN, json={"email": f"{uuid.uuid4()}@example.org", "password": "not the password"})
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()


async def test_an_account_without_a_password_costs_the_same_work_as_one_with():
    passwords = Passwords()
    stored = await passwords.hash("a password of mine")
    assert stored.startswith("$argon2id$")
    assert await passwords.matches(stored, "a password of mine")
    assert not await passwords.matches(stored, "another password")
    assert not await passwords.matches(None, "nobody has this password")


async def test_a_refresh_token_is_good_for_one_use(client, admin, signed_in):
    pair = await signed_in(client, admin)
    second = await client.post(REFRESH, json={"refresh_token": pair["refresh_token"]})
    assert second.status_code == 200
    assert (await client.post(WHO, json={}, headers=bearer(second.json()["data"]))).status_code == 200


async def test_using_a_refresh_token_twice_ends_the_whole_sign_in(client, admin, signed_in):
    pair = await signed_in(client, admin)
    second = (await client.post(REFRESH, json={"refresh_token": pair["refresh_token"]})).json()["data"]
    assert (await client.post(REFRESH, json={"refresh_token": pair["refresh_token"]})).status_code == 401
    assert (await client.post(REFRESH, json={"refresh_token": second["refresh_token"]})).status_code == 401
    assert (await client.post(WHO, json={}, headers=bearer(second))).status_code == 401
    events = (await client.get("/api/v1/audit?action=auth.refresh_refused", headers=admin.headers)).json()["data"]["events"]
    assert events[-1]["detail"] == {"reused": True}


async def test_of_two_who_refresh_at_once_one_gets_tokens_at_most(open_app, admin, signed_in):
    async with open_app() as one, open_app() as two:
        pair = await signed_in(one, admin)
        body = {"refresh_token": pair["refresh_token"]}
        answers = await asyncio.gather(one.post(REFRESH, json=body), two.post(REFRESH, json=body))
        assert sorted(answer.status_code for answer in answers) == [200, 401]


async def test_signing_out_ends_both_tokens(client, admin, signed_in):
    pair, other = await signed_in(client, admin), await signed_in(client, admin)
    assert (await client.post("/api/v1/auth/logout", json={}, headers=bearer(pair))).status_code == 200
    assert (await client.post(WHO, json={}, headers=bearer(pair))).status_code == 401
    assert (await client.post(REFRESH, json={"refresh_token": pair["refresh_token"]})).status_code == 401
    assert (await client.post(WHO, json={}, headers=bearer(other))).status_code == 200
    assert (await client.post("/api/v1/auth/logout", json={"everywhere": True}, headers=bearer(other))).status_code == 200
    assert (await client.post(WHO, json={}, headers=bearer(other))).status_code == 401
    assert (await client.post("/api/v1/auth/logout", json={}, headers=admin.headers)).status_code == 409


async def test_changing_the_password_ends_the_sign_ins_and_asks_for_the_old_one(client, admin, signed_in, password):
    pair = await signed_in(client, admin)
    new = "another long password"
    refused = await client.post("/api/v1/auth/password", json={"current": "wrong password", "new": new}, headers=bearer(pair))
    assert refused.status_code == 403
    changed = await client.post("/api/v1/auth/password", json={"current": password, "new": new}, headers=bearer(pair))
    assert changed.status_code == 200
    assert (await client.post(WHO, json={}, headers=bearer(pair))).status_code == 401
    await signed_in(client, admin, new)


async def test_guessing_is_slowed_and_the_right_password_waits_too(open_app, admin, password, error):
    settings = AuthSettings(cache_s=0, failures_per_account=3, first_ban_s=60)
    async with open_app(settings) as client:
        wrong = {"email": admin.email, "password": "not the password"}
        assert [(await client.post(LOGIN, json=wrong)).status_code for _ in range(4)] == [401, 401, 401, 429]
    async with open_app(settings) as elsewhere:
        answer = await elsewhere.post(LOGIN, json={"email": admin.email, "password": password})
        assert answer.status_code == 429
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert error(answer)["code"] == "overloaded"


async def test_many_guesses_at_once_do_not_slip_through(open_app, admin):
    async with open_app(AuthSettings(cache_s=0, failures_per_account=3, first_ban_s=60)) as client:
        wrong = {"email": admin.email, "password": "not the password"}
        answers = await asyncio.gather(*(client.post(LOGIN, json=wrong) for _ in range(12)))
        assert [answer.status_code for answer in answers].count(401) == 3


async def test_trying_many_accounts_from_one_address_is_slowed_and_success_does_not_reset_it(open_app, admin, signed_in):
    settings = AuthSettings(cache_s=0, failures_per_address=4, first_ban_s=60)
    async with open_app(settings) as client:

        async def guess() -> int:
            status: int = (await client.post(LOGIN, json={"email": f"{uuid.uuid4()}@example.org", "password": "password1234"})).status_code
            return status

        assert [await guess() for _ in range(3)] == [401, 401, 401]
        await signed_in(client, admin)
        assert [await guess() for _ in range(2)] == [401, 429]


async def test_an_invited_person_chooses_a_password_once(client, admin, error):
    email = f"{uuid.uuid4().hex}@example.org"
    made = await client.post("/api/v1/users", json={"email": email, "name": "Guest", "role": "editor"}, headers=admin.headers)
    invitation = made.json()["data"]["invitation"]
    assert (await client.post(LOGIN, json={"email": email, "password": "any password here"})).status_code == 401
    body = {"invitation": invitation, "password": "a password of mine"}
    assert (await client.post("/api/v1/auth/invitation", json=body)).status_code == 200
    assert (await client.post("/api/v1/auth/invitation", json=body)).status_code == 401
    assert (await client.post(LOGIN, json={"email": email, "password": "a password of mine"})).json()["data"]["role"] == "editor"


async def test_a_password_is_never_repeated_in_an_error(client, admin):
    answer = await client.post("/api/v1/auth/password", json={"current": "shown?", "new": "secret-pw"}, headers=admin.headers)
    assert answer.status_code == 422
    assert "secret-pw" not in answer.text


async def test_somebody_switched_off_can_do_nothing(client, admin, make_person, signed_in):
    colleague = await make_person(colleague=admin)
    pair = await signed_in(client, colleague)
    changed = await client.patch(f"/api/v1/users/{colleague.user_id}", json={"is_active": False}, headers=admin.headers)
    assert changed.json()["data"]["is_active"] is False
    for headers in (colleague.headers, bearer(pair)):
        assert (await client.post(WHO, json={}, headers=headers)).status_code == 401
    assert (await client.post(REFRESH, json={"refresh_token": pair["refresh_token"]})).status_code == 401


async def test_only_a_hash_of_passwords_keys_and_refresh_tokens_is_stored(client, admin, signed_in, stores, password):
    pair = await signed_in(client, admin)
    async with stores.database.session() as session:
        rows = [
            str((await session.execute(text(f"SELECT row_to_json(t) FROM {table} t"))).all())
            for table in ("users", "api_keys", "refresh_tokens")
        ]
    for hidden in (password, admin.key, pair["refresh_token"]):
        assert not any(hidden in row for row in rows)


@pytest.mark.parametrize("words", ["' OR '1'='1", "x'); DROP TABLE users; --", "%", "\\", "{{7*7}}", "a@b.c\r\nX-Evil: 1", "😀", "\x00"])
async def test_hostile_text_is_only_text(client, admin, words):
    """In every text field: stored and answered as it is, or refused; never an error of the server's."""
    attempts = (
        ("POST", LOGIN, {"email": words, "password": words}),
        ("POST", LOGIN, {"email": "a@b.c", "password": words}),
        ("POST", REFRESH, {"refresh_token": words}),
        ("POST", "/api/v1/auth/invitation", {"invitation": words, "password": words * 12}),
        ("POST", "/api/v1/auth/oidc/nobody/callback", {"state": words, "session": words, "code": words}),
        ("POST", "/api/v1/users", {"email": words, "name": words, "role": words}),
        ("PATCH", "/api/v1/users/me", {"name": words}),
        ("POST", "/api/v1/teams", {"name": words}),
        ("POST", "/api/v1/organisations", {"name": words}),
        ("POST", "/api/v1/keys", {"name": words, "scopes": [words]}),
        ("POST", "/api/v1/keys", {"name": words}),
        ("POST", "/api/v1/secrets", {"name": words, "value": words}),
        ("POST", "/api/v1/secrets", {"name": "n" + uuid.uuid4().hex, "value": words, "description": words}),
    )
    for method, path, body in attempts:
        answer = await client.request(method, path, json=body, headers=admin.headers)
        assert answer.status_code < 500, (path, answer.text)
        assert "x-evil" not in answer.headers
    for path, name in (("audit", "action"), ("audit", "target"), ("audit/export", "action"), ("users", "cursor"), ("audit", "cursor")):
        answer = await client.get(f"/api/v1/{path}", params={name: words}, headers=admin.headers)
        assert answer.status_code < 500, (path, name, answer.text)
    assert (await client.get("/api/v1/users/me", headers=admin.headers)).status_code == 200
