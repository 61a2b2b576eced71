"""The limit of a model's context, before it is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cluster.contracts.generation import GenerationRequest
from cluster.contracts.models import ModelKind, ModelState
from cluster.errors import Unavailable
from cluster.fakes.gateway import FakeGateway, fake_model
from tests.api.fixtures.saying import CHAT, answered, messages, prepare, refusal, written

LONG = "goat " * 5000


@pytest.fixture
def gateway() -> FakeGateway:
    """Three language models: of 4096 tokens, of 8192 and of 32768; and one of 4096 that is not resident."""
    small = replace(fake_model("fake-llm", ModelKind.LLM), adapters=())
    larger = [replace(small, id=f"fake-{size}", context_tokens=size) for size in (32768, 8192)]
    return FakeGateway(served=(small, *larger, replace(small, id="away", state=ModelState.IDLE)))


async def test_a_prompt_that_is_too_long_is_refused_with_both_counts_and_a_model_that_would_hold_it(mira):
    conversation = (await mira.new())["id"]
    body = {"model": "fake-llm", "content": LONG, "max_tokens": 100}
    status, code, message = refusal(await mira.client.post(f"{CHAT}/{conversation}/prepare-stream", json=body))
    assert (status, code) == (413, "context_length_exceeded")
    for told in ("has 5000 tokens", "100 are wanted", "takes 4096", "'compact': 'drop'", "'summary'", "'fake-8192'"):
        assert told in message
    assert await messages(mira, conversation) == []


async def test_the_count_is_the_models_own_and_not_a_guess(mira, gateway):
    conversation = (await mira.new())["id"]
    reply = await answered(mira, conversation, content="x" * 100_000)
    assert (reply["prompt_tokens"], len(gateway.counted)) == (1, 1)


async def test_a_short_prompt_is_not_counted(mira, gateway):
    await answered(mira, (await mira.new())["id"])
    assert gateway.counted == []


async def test_nobody_waits_for_a_model_that_is_not_there_to_count(mira, gateway):
    reply = await answered(mira, (await mira.new())["id"], model="away", content=LONG)
    assert (reply["prompt_tokens"], gateway.counted) == (5000, [])


@pytest.mark.parametrize("trouble", ["hangs", "fails"])
async def test_where_counting_fails_or_takes_long_the_model_itself_decides(mira, gateway, trouble):
    gateway.hangs = ("fake-llm",) if trouble == "hangs" else ()
    gateway.failures = {"fake-llm": Unavailable("Please retry in 3 s.")} if trouble == "fails" else {}
    conversation = (await mira.new())["id"]
    prepared = await prepare(mira, conversation, content=LONG)
    assert prepared["stream_token"]
    await mira.client.delete(f"{CHAT}/{conversation}", params={"hard_delete": True})  # else the next test's application takes it over


async def test_the_oldest_go_until_the_rest_fits_and_what_is_pinned_stays(mira, gateway):
    conversation = (await mira.new(system_prompt="Be brief."))["id"]
    ids = [await written(mira, conversation, f"{name} " * 1000) for name in ("one", "two", "three", "four", "five")]
    await mira.client.patch(f"{CHAT}/{conversation}/messages/{ids[0]}", json={"pinned": True})
    await answered(mira, conversation, content="and now?", compact="drop")
    told = [(message.content or "").split()[0] for message in gateway.asked_for(GenerationRequest)[-1].messages]
    assert told == ["Be", "one", "four", "five", "and"]
    assert len(await messages(mira, conversation)) == 7


async def test_what_is_asked_must_fit_by_itself(mira):
    conversation = (await mira.new())["id"]
    await written(mira, conversation, "before")
    body = {"model": "fake-llm", "content": LONG, "compact": "drop"}
    status, code, message = refusal(await mira.client.post(f"{CHAT}/{conversation}/prepare-stream", json=body))
    assert (status, code, "unpin" in message) == (413, "context_length_exceeded", True)


async def test_a_direct_chat_is_checked_alike(mira, gateway):
    ask = {"model": "fake-llm", "message": LONG}
    status, _, message = refusal(await mira.client.post("/api/v1/chat/quick", json=ask))
    assert (status, "has 5000 tokens" in message, "'fake-8192'" in message, gateway.asked_for(GenerationRequest)) == (413, True, True, [])
