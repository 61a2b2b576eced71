"""People of an OpenID issuer: a real HTTP server that signs what it is told."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from joserfc import jwt
from joserfc.jwk import RSAKey

from cluster.runtime.ports import free_ports
from cluster.settings import AuthSettings, OidcIssuer
from tests.patience import PATIENCE_S

WHO, OIDC, BACK = "/api/v1/auth/verify", "/api/v1/auth/oidc/provider", "http://localhost:3000/back"


@pytest.fixture(scope="module")
def provider() -> Iterator[str]:
    """Its address. In a process of its own, because it warns of changes in a library of its own."""
    port = free_ports(1)[0]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), "--require-nonce"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    address, deadline = f"http://localhost:{port}", time.monotonic() + PATIENCE_S
    try:
        while not _answers(address):
            assert process.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        yield address
    finally:
        process.terminate()
        process.wait(10)


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/.well-known/openid-configuration").is_success
    except httpx.TransportError:
        return False


@pytest.fixture
def settings(provider, admin, tmp_path):
    secret = tmp_path / "client-secret"
    secret.touch(mode=0o600)
    secret.write_text("of the client")
    issuer = OidcIssuer(
        name="provider",
        issuer=provider,
        client_id="hearth",
        client_secret_file=secret,
        redirect_uris=(BACK,),
        organisation_id=str(admin.organisation_id),
    )
    return AuthSettings(cache_s=0, oidc=(issuer,))


async def visit(client: httpx.AsyncClient, subject: str) -> dict[str, str]:
    """To the issuer and back, as a browser goes; what the callback is to be sent."""
    begun = (await client.post(f"{OIDC}/authorize", json={"redirect_uri": BACK})).json()["data"]
    async with httpx.AsyncClient() as browser:
        answer = await browser.post(begun["authorization_url"], data={"sub": subject})
    told = parse_qs(urlsplit(answer.headers["location"]).query)
    return {"state": told["state"][0], "code": told["code"][0], "session": begun["session"]}


async def test_a_person_signs_in_at_the_issuer_and_becomes_a_user(open_app, settings, admin):
    subject = f"{uuid.uuid4().hex}@example.org"
    async with open_app(settings) as client:
        pairs = [(await client.post(f"{OIDC}/callback", json=await visit(client, subject))).json()["data"] for _ in range(2)]
        assert pairs[0]["user_id"] == pairs[1]["user_id"]
        assert (pairs[0]["role"], pairs[0]["organisation_id"]) == ("viewer", str(admin.organisation_id))
        user = (await client.get(f"/api/v1/users/{pairs[0]['user_id']}", headers=admin.headers)).json()["data"]
        assert (user["keycloak_id"], user["email"]) == (subject, subject)
        who = await client.post(WHO, json={}, headers={"Authorization": f"Bearer {pairs[0]['access_token']}"})
        assert who.status_code == 200


async def test_the_way_back_can_be_taken_once_and_only_by_who_began(open_app, settings):
    async with open_app(settings) as client:
        body = await visit(client, uuid.uuid4().hex)
        assert (await client.post(f"{OIDC}/callback", json=body | {"session": "somebody else's"})).status_code == 401
        assert (await client.post(f"{OIDC}/callback", json=body)).status_code == 401
        body = await visit(client, uuid.uuid4().hex)
        assert (await client.post(f"{OIDC}/callback", json=body)).status_code == 200
        assert (await client.post(f"{OIDC}/callback", json=body)).status_code == 401
        refused = await client.post(f"{OIDC}/authorize", json={"redirect_uri": "https://evil.example/back"})
        assert refused.status_code == 400


async def test_an_email_that_has_an_account_is_not_taken_over(open_app, settings, admin):
    async with open_app(settings) as client:
        answer = await client.post(f"{OIDC}/callback", json=await visit(client, admin.email))
        assert answer.status_code == 409


class Realm:
    """A Keycloak-like issuer of our own, whose keys can be changed, and which counts who asks for them."""

    def __init__(self) -> None:
        self.keys = [RSAKey.generate_key(2048, parameters={"kid": "first"})]
        self.asked = 0
        self.address = ""

    def token(self, key: RSAKey | None = None, kid: str | None = None, **changes: object) -> str:
        key, now = key or self.keys[-1], int(time.time())
        good = {
            "iss": self.address,
            "aud": ["account", "hearth"],
            "sub": "ada",
            "iat": now,
            "exp": now + 60,
            "email": f"{uuid.uuid4().hex}@e.org",
        }
        told = {name: value for name, value in (good | changes).items() if value is not None}
        return jwt.encode({"alg": "RS256", "kid": kid or key.kid}, told, key, algorithms=["RS256"])


@pytest.fixture
def realm() -> Iterator[Realm]:
    made = Realm()

    class Answers(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body: dict[str, object] = dict.fromkeys(("authorization_endpoint", "token_endpoint"), f"{made.address}/x")
            body |= {"issuer": made.address, "jwks_uri": f"{made.address}/jwks"}
            if self.path == "/jwks":
                made.asked += 1
                body = {"keys": [key.as_dict(private=False) for key in made.keys]}
            raw = json.dumps(body).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name is the library's
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    made.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield made
    server.shutdown()
    server.server_close()
    thread.join()


def of_realm(realm: Realm, admin, **changes: object) -> AuthSettings:
    issuer = OidcIssuer.model_validate(
        {"name": "realm", "issuer": realm.address, "client_id": "hearth", "organisation_id": str(admin.organisation_id)} | changes
    )
    return AuthSettings(cache_s=0, jwks_refetch_s=0, oidc=(issuer,))


async def ask(client: httpx.AsyncClient, token: str) -> httpx.Response:
    return await client.post(WHO, json={}, headers={"Authorization": f"Bearer {token}"})


async def test_the_issuers_own_token_is_taken_with_the_role_it_says(open_app, realm, admin):
    async with open_app(of_realm(realm, admin)) as client:
        assert (await ask(client, realm.token())).json()["data"]["role"] == "viewer"
        higher = realm.token(realm_access={"roles": ["other", "hearth-viewer", "hearth-admin"]})
        found = (await ask(client, higher)).json()["data"]
        assert (found["role"], found["organisation_id"]) == ("admin", str(admin.organisation_id))
        assert (await ask(client, realm.token())).json()["data"]["role"] == "viewer"
    async with open_app(of_realm(realm, admin, default_role=None)) as client:
        assert (await ask(client, realm.token())).status_code == 403


async def test_tokens_that_are_not_for_us_are_refused(open_app, realm, admin):
    stolen = RSAKey.generate_key(2048, parameters={"kid": "first"})
    bad = (
        realm.token(aud="another"),
        realm.token(aud=None),
        realm.token(exp=1),
        realm.token(exp=None),
        realm.token(sub=None),
        realm.token(iss="http://127.0.0.1:1"),
        realm.token(key=stolen),
        realm.token(kid="unknown"),
    )
    async with open_app(of_realm(realm, admin)) as client:
        assert (await ask(client, realm.token())).status_code == 200
        assert [(await ask(client, token)).status_code for token in bad] == [401] * len(bad)


async def test_a_new_key_of_the_issuer_is_found_and_unknown_ones_do_not_flood_it(open_app, realm, admin):
    settings = of_realm(realm, admin)
    async with open_app(settings) as client:
        await ask(client, realm.token())
        realm.keys = [RSAKey.generate_key(2048, parameters={"kid": "second"})]
        assert (await ask(client, realm.token())).status_code == 200
        assert realm.asked == 2
    async with open_app(settings.model_copy(update={"jwks_refetch_s": 600.0})) as client:
        before = realm.asked
        for _ in range(5):
            assert (await ask(client, realm.token(kid=uuid.uuid4().hex))).status_code == 401
        assert realm.asked == before + 1


async def test_an_issuer_that_does_not_answer_is_said_so(open_app, realm, admin):
    settings = of_realm(realm, admin)
    dead = settings.oidc[0].model_copy(update={"issuer": "http://127.0.0.1:9"})
    async with open_app(settings.model_copy(update={"oidc": (dead,)})) as client:
        answer = await ask(client, realm.token(iss="http://127.0.0.1:9"))
        assert answer.status_code == 503
        assert answer.headers["retry-after"]
