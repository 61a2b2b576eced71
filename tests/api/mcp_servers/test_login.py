"""Signing in at MCP servers that want OAuth."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from api.web.principal import Role
from cluster.fakes.signing import CLIENT, SECRET, SigningServer
from cluster.settings import OutgoingSettings
from tests.api.fixtures.people import add_person
from tests.patience import PATIENCE_S

SERVERS = "/api/v1/mcp/servers"
PERSON = {"kind": "authorization_code"}


@pytest.fixture
async def signing():
    async with SigningServer() as server:
        yield server


@pytest.fixture
async def admin(stores):
    return await add_person(stores)


@pytest.fixture
async def client(in_process, gateway, store_settings, admin, signing):
    """Of an API that may reach the server."""
    outgoing = OutgoingSettings.model_validate({"allowed": (f"127.0.0.1:{signing.port}",)})
    tools = store_settings.tools.model_copy(update={"login_s": 30.0})
    async with in_process(gateway, store_settings.model_copy(update={"outgoing": outgoing, "tools": tools})) as client:
        client.headers.update(admin.headers)
        yield client


async def add(client: httpx.AsyncClient, signing: SigningServer, auth: dict[str, Any]) -> None:
    body = {"name": "signing", "url": f"{signing.url}/mcp", "auth": auth, "trusted": True, "role": "viewer"}
    answer = await client.post(SERVERS, json=body)
    assert answer.status_code == 200, answer.text


async def sign_in(client: httpx.AsyncClient) -> httpx.Response:
    """What a person's browser shows in the end."""
    begun = await client.post(f"{SERVERS}/signing/login")
    assert begun.status_code == 200, begun.text
    async with httpx.AsyncClient() as browser:
        agreed = await browser.get(begun.json()["data"]["url"])
    back = urlsplit(agreed.headers["location"])
    return await client.get(f"{back.path}?{back.query}", headers={"Authorization": ""})


async def call(client: httpx.AsyncClient) -> httpx.Response:
    return await client.post("/api/v1/tools/signing__whoami/call", json={"confirm": True})


async def test_a_person_signs_in_and_the_tools_are_there(client, signing):
    await add(client, signing, PERSON)
    before = (await client.post(f"{SERVERS}/signing/test")).json()["data"]
    assert "wants somebody to sign in" in before["problem"]

    page = await sign_in(client)
    assert (page.status_code, "You are signed in" in page.text) == (200, True)
    called = await call(client)
    assert called.status_code == 200, called.text
    assert called.json()["data"]["value"] == "You are ***."
    assert signing.granted == ["authorization_code"]


async def test_a_token_that_runs_out_is_renewed(client, signing):
    signing.lives_s = 1
    await add(client, signing, PERSON)
    await sign_in(client)
    signing.lives_s = 3600
    signing.valid.clear()  # what is used before its time is over is refused, and nobody can be asked
    async with asyncio.timeout(PATIENCE_S):
        while (await call(client)).status_code != 200:
            pass
    assert signing.granted == ["authorization_code", "refresh_token"]


async def test_tokens_are_kept_sealed_and_gone_after_signing_out(client, signing):
    await add(client, signing, PERSON)
    await sign_in(client)
    names = [secret["name"] for secret in (await client.get("/api/v1/secrets")).json()["data"]]
    assert names == ["mcp.signing.login"]
    shown = await client.get(SERVERS)
    assert not any(token in shown.text for token in signing.valid)

    assert (await client.delete(f"{SERVERS}/signing/login")).json()["data"] == {"name": "signing", "was_signed_in": True}
    assert (await call(client)).status_code == 424
    assert (await client.get("/api/v1/secrets")).json()["data"] == []


async def test_an_organisation_s_own_credentials_need_nobody(client, signing):
    await client.post("/api/v1/secrets", json={"name": "SIGNING", "value": SECRET})
    own = {"kind": "client_credentials", "client_id": CLIENT, "client_secret": "secret:SIGNING", "issuer": signing.url}
    await add(client, signing, own)
    assert (await call(client)).json()["data"]["value"] == "You are ***."
    assert signing.granted == ["client_credentials"]
    refused = await client.post(f"{SERVERS}/signing/login")
    assert (refused.status_code, "Nobody signs in" in refused.text) == (409, True)


async def test_credentials_go_to_the_server_that_gave_them_out_only(client, signing):
    await client.post("/api/v1/secrets", json={"name": "SIGNING", "value": SECRET})
    own = {"kind": "client_credentials", "client_id": CLIENT, "client_secret": "secret:SIGNING", "issuer": "https://auth.example.org"}
    await add(client, signing, own)
    tested = (await client.post(f"{SERVERS}/signing/test")).json()["data"]
    assert "Signing in failed" in tested["problem"]
    assert signing.granted == []


async def test_where_a_server_leads_is_checked_as_every_address_is(client, signing):
    signing.elsewhere = "http://169.254.169.254"
    await add(client, signing, PERSON)
    refused = await client.post(f"{SERVERS}/signing/login")
    assert (refused.status_code, refused.json()["error"]["code"]) == (422, "address_refused")


@pytest.mark.parametrize("change", [{"state": "guessed"}, {"code": "guessed"}])
async def test_an_answer_that_was_not_given_is_not_taken(client, signing, change):
    await add(client, signing, PERSON)
    begun = (await client.post(f"{SERVERS}/signing/login")).json()["data"]["url"]
    state = parse_qs(urlsplit(begun).query)["state"][0]
    given = {"state": state, "code": "", **change}
    page = await client.get("/api/v1/mcp/login", params=given)
    assert page.status_code == 424
    assert signing.granted == []


async def test_who_refuses_is_told_so(client, signing):
    await add(client, signing, PERSON)
    begun = (await client.post(f"{SERVERS}/signing/login")).json()["data"]["url"]
    state = parse_qs(urlsplit(begun).query)["state"][0]
    page = await client.get("/api/v1/mcp/login", params={"state": state, "error": "<b>access_denied</b>"})
    assert page.status_code == 424
    assert "&lt;b&gt;access_denied" in page.text


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"auth": {"kind": "password"}}, "auth"),
        ({"auth": {"kind": "client_credentials", "client_id": "a", "client_secret": "plain", "issuer": "https://a.example"}}, "auth"),
        ({"auth": PERSON, "headers": {"authorization": "Bearer secret:X"}}, "auth"),
    ],
)
async def test_how_to_sign_in_is_checked(client, error, change, param):
    answer = await client.post(SERVERS, json={"name": "a", "url": "https://a.example/mcp", **change})
    assert answer.status_code == 422
    assert (error(answer)["param"] or "").startswith(param)


async def test_only_admins_sign_in_for_an_organisation(client, signing, stores, admin):
    await add(client, signing, PERSON)
    editor = await add_person(stores, Role.EDITOR, admin)
    stranger = await add_person(stores)
    assert (await client.post(f"{SERVERS}/signing/login", headers=editor.headers)).status_code == 403
    assert (await client.post(f"{SERVERS}/signing/login", headers=stranger.headers)).status_code == 404
