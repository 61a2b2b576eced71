"""Tools, formats, images and fallbacks on their way to the model, and what is kept of who answered."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import replace

import httpx
import pytest

from cluster.contracts.generation import GenerationRequest, Image
from cluster.errors import EngineError
from cluster.fakes.gateway import FakeGateway
from cluster.providers.gateway import ProviderGateway
from cluster.providers.keys import EnvironmentSecrets
from cluster.providers.routes import IMAGES
from cluster.specs.providers import ProvidersSpec
from tests.api.fixtures.saying import CHAT, answered, conversation_of, events, messages, prepare, refusal, written
from tests.api.fixtures.talking import talking_app

PNG = b"\x89PNG\r\n\x1a\n and so on"
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def shown(data: bytes = PNG, claimed: str = "image/png", **fields: str) -> dict[str, str]:
    return {"type": "image", "url": f"data:{claimed};base64,{base64.b64encode(data).decode()}"} | fields


@pytest.fixture
def gateway() -> FakeGateway:
    """One model that sees, one that does not."""
    base = FakeGateway().served[0]
    return FakeGateway(served=(replace(base, capabilities=(*base.capabilities, IMAGES)), replace(base, id="blind")))


async def test_a_tool_is_called_its_result_told_and_the_answer_goes_on(mira, gateway):
    conversation = (await mira.new())["id"]
    called = await answered(mira, conversation, content="tool please", tools=[WEATHER], tool_choice="auto", temperature=0.5)
    assert [call["name"] for call in called["tool_calls"]] == ["weather"]
    asked = gateway.asked_for(GenerationRequest)[-1]
    assert (asked.tools[0]["function"]["name"], asked.sampling.temperature) == ("weather", 0.5)
    result = await written(mira, conversation, "rain", "tool", tool_call_id=called["tool_calls"][0]["id"])
    await answered(mira, conversation, content=None, answers=result)
    roles = [(message.role, len(message.tool_calls), message.tool_call_id) for message in gateway.asked_for(GenerationRequest)[-1].messages]
    assert roles == [("user", 0, None), ("assistant", 1, None), ("tool", 0, called["tool_calls"][0]["id"])]


async def test_a_call_that_nobody_answered_is_not_told_and_neither_is_an_answer_without_a_call(mira, gateway):
    conversation = (await mira.new())["id"]
    await answered(mira, conversation, content="tool please", tools=[WEATHER])
    await written(mira, conversation, "stray", "tool", tool_call_id="nobody")
    await answered(mira, conversation, content="never mind")
    assert [(message.role, len(message.tool_calls)) for message in gateway.asked_for(GenerationRequest)[-1].messages] == [
        ("user", 0),
        ("assistant", 0),
        ("user", 0),
    ]


async def test_an_answer_is_held_to_a_schema(mira):
    schema = {"type": "object", "properties": {"goats": {"type": "integer"}}}
    wanted = {"type": "json_schema", "json_schema": {"name": "answer", "schema": schema}}
    reply = await answered(mira, (await mira.new())["id"], response_format=wanted)
    assert json.loads(reply["text"]) == {"goats": 0}
    direct = {"model": "fake-llm", "message": "hi", "response_format": wanted}
    assert json.loads((await mira.client.post("/api/v1/chat/quick", json=direct)).json()["data"]["text"]) == {"goats": 0}


async def test_an_image_is_shown_by_its_bytes_to_a_model_that_sees(mira, gateway):
    conversation = (await mira.new())["id"]
    await answered(mira, conversation, content=[{"type": "text", "text": "What is this?"}, shown(claimed="image/jpeg")])
    assert gateway.asked_for(GenerationRequest)[-1].messages[0].images == (Image("image/png", PNG),)
    assert gateway.asked_for(GenerationRequest)[-1].messages[0].content == "What is this?"
    # Said long ago, and another model goes on that does not see it.
    await answered(mira, conversation, model="blind", content="And now?")
    assert gateway.asked_for(GenerationRequest)[-1].messages[0].images == ()
    assert "cannot see" in (gateway.asked_for(GenerationRequest)[-1].messages[0].content or "")


async def test_a_model_that_does_not_see_reads_the_description(mira, gateway):
    conversation = (await mira.new())["id"]
    path = f"{CHAT}/{conversation}/prepare-stream"
    refused = await mira.client.post(path, json={"model": "blind", "content": [shown()]})
    assert (refused.status_code, "takes no images" in refused.text) == (422, True)
    await answered(mira, conversation, model="blind", content=[shown(text="A goat.")])
    assert gateway.asked_for(GenerationRequest)[-1].messages[0].content == "A goat."


@pytest.mark.parametrize(
    ("part", "status"),
    [
        ({"type": "image", "url": "https://example.org/goat.png"}, 422),
        ({"type": "audio", "url": "https://example.org/goat.mp3"}, 422),
        ({"type": "audio", "url": "data:image/png;base64,AAAA"}, 422),
        ({"type": "image", "url": "file:///etc/passwd"}, 422),
        ({"type": "image", "url": "http://169.254.169.254/latest"}, 422),
        ({"type": "image", "url": "data:image/png;base64,A"}, 422),
        (shown(b"GIF98a"), 415),
        (shown(b"<svg onload=alert(1)>", "image/svg+xml"), 415),
        (shown(PNG + b"x" * 20 * 2**20), 413),
    ],
    ids=lambda value: str(value)[:60],
)
async def test_what_is_no_image_or_lies_elsewhere_is_refused(mira, gateway, part, status):
    conversation = (await mira.new())["id"]
    answer = await mira.client.post(f"{CHAT}/{conversation}/prepare-stream", json={"model": "fake-llm", "content": [part]})
    assert (answer.status_code, gateway.asked_for(GenerationRequest)) == (status, [])
    assert await messages(mira, conversation) == []


async def test_more_images_than_the_limit_are_refused(mira):
    conversation = (await mira.new())["id"]
    answer = await mira.client.post(f"{CHAT}/{conversation}/prepare-stream", json={"model": "fake-llm", "content": [shown()] * 11})
    assert (refusal(answer)[0], "limits.images_per_request" in refusal(answer)[2]) == (413, True)


@pytest.fixture
async def chained(gateway: FakeGateway, talking_settings, stores) -> AsyncIterator[httpx.AsyncClient]:
    """The same application behind the gateway that falls back."""
    gateway.failures = {"fake-llm": EngineError("The engine is out of breath; send it again.")}
    door = ProviderGateway(gateway, ProvidersSpec(), EnvironmentSecrets({}))
    app = talking_app(door, talking_settings, stores)
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=20) as client:
        client.app = app  # type: ignore[attr-defined]
        yield client
    await app.state.streams.stop()
    await door.close()


async def test_who_answered_after_whom_is_told_and_kept(mira, chained):
    there = replace(mira, client=chained)
    chained.headers.update(mira.client.headers)
    conversation = (await there.new())["id"]
    prepared = await prepare(there, conversation, fallbacks=["blind"])
    found = events((await chained.get(prepared["stream_url"])).text)
    source = next(event for event in found if event["type"] == "source")
    failed = [{"model": "fake-llm", "code": "engine_error", "reason": "The engine is out of breath; send it again."}]
    assert (source["served_by"], source["fallbacks"]) == ("blind", failed)
    reply = (await messages(there, conversation))[-1]
    assert (reply["model"], reply["served_by"], reply["fallbacks"], reply["from_cache"]) == ("fake-llm", "blind", failed, False)
    assert list((await conversation_of(there, conversation))["usage_by_model"]) == ["blind"]
    assert [told.model for told in chained.app.state.answered] == ["blind"]
    direct = {"model": "fake-llm", "message": "hi", "fallbacks": ["blind"]}
    assert (await chained.post("/api/v1/chat/quick", json=direct)).json()["data"]["provenance"]["served_by"] == "blind"


async def test_a_chain_is_at_most_four_deep(mira):
    conversation = (await mira.new())["id"]
    body = {"model": "fake-llm", "content": "hi", "fallbacks": ["a", "b", "c", "d"]}
    assert (await mira.client.post(f"{CHAT}/{conversation}/prepare-stream", json=body)).status_code == 422
