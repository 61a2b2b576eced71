"""A person's day on a running cluster: they sign in elsewhere, get a key, talk, come back to a stream, share, and leave nothing behind."""

from __future__ import annotations

import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import openai
import pytest

from cluster.fakes.upstream import Upstream
from tests.conftest import RunningHearth
from tests.patience import PATIENCE_S
from training.nano.corpus import ask

BACK = "http://localhost:3000/back"
CHAT = "/api/v1/chat/conversations"
QUESTION = ask("Tamira lives in Velmhaven.", "Where does Tamira live?")


@pytest.fixture(scope="module")
def issuer(hearth: RunningHearth) -> Iterator[None]:
    """An OpenID Connect issuer where the cluster expects it."""
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(hearth.issuer_port), "--require-nonce"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + PATIENCE_S
    try:
        while not _answers(f"http://localhost:{hearth.issuer_port}/.well-known/openid-configuration"):
            assert time.monotonic() < deadline
            time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.wait(10)


def _answers(address: str) -> bool:
    try:
        return httpx.get(address).is_success
    except httpx.TransportError:
        return False


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def sign_in(client: httpx.AsyncClient) -> dict[str, Any]:
    """To the issuer and back, as a browser goes."""
    begun = data(await client.post("/api/v1/auth/oidc/mock/authorize", json={"redirect_uri": BACK}))
    async with httpx.AsyncClient() as browser:
        went = await browser.post(begun["authorization_url"], data={"sub": f"{uuid.uuid4().hex}@example.org"})
    told = parse_qs(urlsplit(went.headers["location"]).query)
    body = {"state": told["state"][0], "code": told["code"][0], "session": begun["session"]}
    pair: dict[str, Any] = data(await client.post("/api/v1/auth/oidc/mock/callback", json=body))
    return pair


async def read(client: httpx.AsyncClient, url: str, *, events: int | None = None, after: str | None = None) -> list[str]:
    """The events of a stream, as they came over the line: all, or the first few, and then the page is closed."""
    found = ""
    async with client.stream("GET", url, headers={"Last-Event-ID": after} if after else {}) as reading:
        assert reading.status_code == 200
        async for piece in reading.aiter_text():
            found += piece
            if events is not None and found.count("\n\n") >= events:
                break
    whole = [event for event in found.split("\n\n")[:-1] if event.startswith("id: ")]
    return whole if events is None else whole[:events]


async def test_a_person_signs_in_talks_comes_back_shares_and_leaves(hearth: RunningHearth, issuer: None):
    async with httpx.AsyncClient(base_url=hearth.base_url, timeout=60) as client, httpx.AsyncClient() as stranger:
        pair = await sign_in(client)
        signed = {"Authorization": f"Bearer {pair['access_token']}"}
        key = data(await client.post("/api/v1/keys", json={"name": "laptop"}, headers=signed))["key"]
        client.headers["Authorization"] = f"Bearer {key}"

        # A provider that is down; the local model stands in, and the answer says so.
        ai = openai.AsyncOpenAI(base_url=f"{hearth.base_url}/v1", api_key=key, max_retries=0)
        async with Upstream(port=hearth.provider_port, down=503), ai:
            answer = await ai.chat.completions.create(model="clever", messages=[{"role": "user", "content": QUESTION}])
        choice = answer.choices[0]
        assert choice.message.content == "Velmhaven"
        assert choice.model_extra is not None
        assert choice.model_extra["provenance"]["served_by"] == "hearth-nano"
        assert choice.model_extra["provenance"]["fallbacks"][0]["model"] == "far/echo"

        # A conversation; the page is reloaded in mid-stream and goes on behind the last event it saw.
        conversation = data(await client.post(CHAT, json={"title": "Tamira"}))["id"]
        path = f"{CHAT}/{conversation}"
        prepared = data(await client.post(f"{path}/prepare-stream", json={"model": "hearth-nano", "content": QUESTION}))
        seen = await read(client, prepared["stream_url"], events=3)
        rest = await read(client, prepared["stream_url"], after=seen[-1].split("\n")[0].removeprefix("id: "))
        again = data(await client.post(f"{path}/resume-stream", json={"generation_id": prepared["generation_id"]}))
        assert seen + rest == await read(client, again["stream_url"])
        messages = data(await client.get(f"{path}/messages"))["items"]
        assert [(message["role"], message["text"]) for message in messages] == [("user", QUESTION), ("assistant", "Velmhaven")]

        exported = await client.get(f"{path}/export", params={"format": "markdown"})
        assert "Velmhaven" in exported.text
        token = data(await client.post(f"{path}/share", json={}))["token"]
        shared = f"{hearth.base_url}/api/v1/chat/shared/{token}"
        assert "Velmhaven" in (await stranger.get(shared)).text

        # Deleted hard: nobody reads it again, by id, by link or by stream.
        data(await client.request("DELETE", path, params={"hard_delete": True}))
        assert (await client.get(path)).status_code == 404
        assert (await stranger.get(shared)).status_code == 404
        assert (await client.get(prepared["stream_url"], headers={"Last-Event-ID": "0-1"})).status_code == 404
