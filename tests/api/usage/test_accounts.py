"""What the whole application puts on somebody's account, however an answer ended."""

from __future__ import annotations

import asyncio
import base64
from typing import Any

import httpx
import pytest

from api.app import create_app
from cluster.contracts.generation import GenerationRequest
from cluster.fakes.gateway import FakeGateway
from cluster.serving.vectors import ServeVectors
from cluster.settings import Settings
from tests.api.fixtures.people import add_person

CHAT: dict[str, Any] = {"model": "fake-llm", "messages": [{"role": "user", "content": "one two three"}]}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


class Account:
    """Somebody with an application of their own, and what stands on their account."""

    def __init__(self, app: Any, client: httpx.AsyncClient) -> None:
        self._app = app
        self.client = client

    async def total(self) -> dict[str, Any]:
        await self._app.state.usage.sent()
        await self._app.state.usage.flush()
        answer = await self.client.get("/api/v1/usage")
        found: dict[str, Any] = answer.json()["data"]["total"]
        return found


@pytest.fixture
async def gateway() -> FakeGateway:
    return FakeGateway(pace_s=0.002)


@pytest.fixture
async def account(stores, store_settings: Settings, gateway):
    person = await add_person(stores)
    app = create_app(gateway, store_settings, stores, ServeVectors(store_settings.vectors))
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=person.headers) as client,
    ):
        yield Account(app, client)


@pytest.mark.parametrize("stream", [False, True])
async def test_of_several_choices_the_prompt_is_counted_once(account, stream):
    answer = await account.client.post("/v1/chat/completions", json=CHAT | {"n": 3, "stream": stream})
    assert answer.status_code == 200
    total = await account.total()
    assert (total["requests"], total["input_tokens"], total["output_tokens"], total["estimated"]) == (3, 3, 15, 0)


async def test_an_answer_that_nobody_waits_for_is_counted_with_what_there_was(account, gateway, eventually):
    body = CHAT | {"stream": True, "messages": [{"role": "user", "content": "word " * 500}]}
    asking = asyncio.create_task(account.client.post("/v1/chat/completions", json=body))
    await eventually(lambda: gateway.asked_for(GenerationRequest))
    await asyncio.sleep(0.1)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    total = await account.total()
    assert (total["requests"], total["estimated"]) == (1, 1)
    assert total["output_tokens"] > 0
    assert total["input_tokens"] > 100


async def test_vectors_images_and_seconds_are_counted_too(account):
    embedded = await account.client.post("/v1/embeddings", json={"model": "fake-embedder", "input": ["one two", "three"]})
    seen = await account.client.post("/api/v1/vision/embed", json={"images": [PNG, PNG]})
    heard = await account.client.post(
        "/v1/audio/transcriptions", data={"model": "fake-whisper"}, files={"file": ("a.wav", b"RIFF\0\0\0\0WAVE", "audio/wav")}
    )
    assert [answer.status_code for answer in (embedded, seen, heard)] == [200, 200, 200], heard.text
    total = await account.total()
    assert (total["requests"], total["input_tokens"], total["images"]) == (3, embedded.json()["usage"]["prompt_tokens"], 2)
    assert total["audio_seconds"] > 0


async def test_what_is_refused_costs_nothing(account):
    assert (await account.client.post("/v1/chat/completions", json=CHAT | {"model": "unknown"})).status_code == 404
    assert (await account.total())["requests"] == 0


async def test_a_spent_quota_is_told_with_when_it_comes_back(stores, store_settings, error):
    quotas = store_settings.quotas.model_copy(update={"key": store_settings.quotas.key.model_copy(update={"tokens_per_day": 5})})
    person = await add_person(stores)
    app = create_app(FakeGateway(), store_settings.model_copy(update={"quotas": quotas}), stores, ServeVectors(store_settings.vectors))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", headers=person.headers) as client,
    ):
        assert (await client.post("/v1/chat/completions", json=CHAT)).status_code == 200
        await app.state.usage.sent()
        refused = await client.post("/v1/chat/completions", json=CHAT)
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0
    assert error(refused)["code"] in {"insufficient_quota", "rate_limit_exceeded"}


async def test_an_answer_to_a_message_is_counted_when_it_is_saved(account):
    made = await account.client.post("/api/v1/chat/conversations", json={})
    path = f"/api/v1/chat/conversations/{made.json()['data']['id']}"
    prepared = await account.client.post(f"{path}/prepare-stream", json={"model": "fake-llm", "content": "one two three"})
    read = await account.client.get(prepared.json()["data"]["stream_url"])
    assert '"type":"end"' in read.text
    total = await account.total()
    assert (total["requests"], total["estimated"]) == (1, 0)
    assert total["output_tokens"] == 5
