"""The two-phase stream, over real stores."""

from __future__ import annotations

import asyncio
from typing import Any

from cluster.contracts.generation import GenerationRequest
from cluster.errors import EngineError
from tests.api.fixtures.saying import CHAT, events, messages, prepare
from tests.patience import PATIENCE_S


def ids(body: str) -> list[str]:
    return [line.removeprefix("id: ") for line in body.splitlines() if line.startswith("id: ")]


def text_of(found: list[dict[str, Any]]) -> str:
    return "".join(event["text"] for event in found if event["type"] == "text")


async def test_an_answer_is_streamed_and_saved_with_the_engines_counts(mira, stranger):
    conversation = (await mira.new())["id"]
    prepared = await prepare(mira, conversation)
    read = await stranger.get(prepared["stream_url"])
    found = events(read.text)
    assert read.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert len(ids(read.text)) == len(found)
    assert text_of(found) == "You said: hello there"
    assert [found[0]["type"], found[-2]["type"], found[-1]["type"]] == ["start", "finish", "end"]
    asked, answer = await messages(mira, conversation)
    assert (asked["text"], answer["text"], answer["id"]) == ("hello there", "You said: hello there", prepared["generation_id"])
    assert (answer["prompt_tokens"], answer["completion_tokens"], answer["tokens_exact"], answer["status"]) == (2, 4, True, "complete")
    totals = (await mira.client.get(f"{CHAT}/{conversation}")).json()["data"]
    assert (totals["input_tokens"], totals["output_tokens"], totals["total_tokens"]) == (2, 4, 6)


async def test_a_token_opens_a_stream_once(mira, stranger):
    prepared = await prepare(mira, (await mira.new())["id"])
    first = await stranger.get(prepared["stream_url"])
    assert (await stranger.get(prepared["stream_url"])).status_code == 409
    assert first.status_code == 200
    assert (await stranger.get("/stream/" + "x" * 43)).status_code == 404


async def test_a_reader_goes_on_byte_for_byte_behind_any_event(mira, stranger):
    prepared = await prepare(mira, (await mira.new())["id"])
    whole = (await stranger.get(prepared["stream_url"])).text
    blocks = whole.split("\n\n")[:-1]
    for at, seen in enumerate(ids(whole)[:-1]):
        rest = await stranger.get(prepared["stream_url"], headers={"Last-Event-ID": seen})
        assert rest.text == "".join(f"{block}\n\n" for block in blocks[at + 1 :])
    assert (await stranger.get(prepared["stream_url"], params={"after": ids(whole)[-1]})).status_code == 204
    assert (await stranger.get(prepared["stream_url"], headers={"Last-Event-ID": "1-1"})).status_code == 404


async def test_an_answer_is_written_though_nobody_reads(mira):
    conversation = (await mira.new())["id"]
    await prepare(mira, conversation)
    async with asyncio.timeout(PATIENCE_S):
        while len(await messages(mira, conversation)) < 2:  # noqa: ASYNC110 - what is waited for stands in the database
            await asyncio.sleep(0.02)


async def test_a_stop_ends_the_answer_and_keeps_what_there_is(mira, stranger, gateway):
    gateway.pace_s = 0.05
    conversation = (await mira.new())["id"]
    prepared = await prepare(mira, conversation, content="word " * 500)
    stopped = await mira.client.post(f"{CHAT}/{conversation}/stop", json={})
    assert stopped.json()["data"]["stopped"] == [prepared["generation_id"]]
    found = events((await stranger.get(prepared["stream_url"])).text)
    assert found[-2]["status"] == "stopped"
    answer = (await messages(mira, conversation))[-1]
    assert (answer["status"], answer["text"], answer["tokens_exact"]) == ("stopped", text_of(found), False)
    assert gateway.closed == gateway.opened


async def test_a_failing_model_is_told_and_kept(mira, stranger, gateway):
    gateway.failures = {"fake-llm": EngineError("The engine is out of breath; send it again.")}
    gateway.breaks_after = {"fake-llm": 2}
    conversation = (await mira.new())["id"]
    found = events((await stranger.get((await prepare(mira, conversation))["stream_url"])).text)
    assert next(event for event in found if event["type"] == "error")["code"] == "engine_error"
    answer = (await messages(mira, conversation))[-1]
    assert (answer["status"], answer["text"]) == ("failed", "You said:")
    assert answer["remark"] == "The engine is out of breath; send it again."


async def test_editing_and_regenerating_make_branches(mira, stranger):
    conversation = (await mira.new())["id"]
    first = await prepare(mira, conversation)
    await stranger.get(first["stream_url"])
    again = await prepare(mira, conversation, content=None, regenerates=first["generation_id"])
    await stranger.get(again["stream_url"])
    edited = await prepare(mira, conversation, content="goodbye", edits=first["message_id"])
    await stranger.get(edited["stream_url"])
    assert [message["text"] for message in await messages(mira, conversation)] == ["goodbye", "You said: goodbye"]
    assert len(await messages(mira, conversation, branch=False)) == 5
    await mira.client.patch(f"{CHAT}/{conversation}", json={"active_leaf_id": again["generation_id"]})
    assert [message["id"] for message in await messages(mira, conversation)] == [first["message_id"], again["generation_id"]]


async def test_a_prompt_that_cannot_fit_is_refused_unless_the_oldest_may_go(mira, stranger, gateway):
    conversation = (await mira.new())["id"]
    for _ in range(2):
        body = {"role": "user", "content": "goat " * 3000}
        assert (await mira.client.post(f"{CHAT}/{conversation}/messages", json=body)).status_code == 200
    body = {"model": "fake-llm", "content": "and now?"}
    refused = await mira.client.post(f"{CHAT}/{conversation}/prepare-stream", json=body)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "context_length_exceeded")
    assert len(await messages(mira, conversation)) == 2
    prepared = await prepare(mira, conversation, content="and now?", compact="drop")
    await stranger.get(prepared["stream_url"])
    assert len(gateway.asked_for(GenerationRequest)[-1].messages) == 2


async def test_nobody_else_prepares_resumes_or_stops(mira, person):
    conversation = (await mira.new())["id"]
    for other in (await person(), await person(organisation_id=mira.organisation_id)):
        for what, body in (("prepare-stream", {"model": "fake-llm", "content": "x"}), ("resume-stream", {}), ("stop", {})):
            assert (await other.client.post(f"{CHAT}/{conversation}/{what}", json=body)).status_code == 404
