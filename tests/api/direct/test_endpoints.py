from __future__ import annotations

import json

import pytest

ASK = {"model": "fake-llm", "messages": [{"role": "user", "content": "<think>hm</think>hello"}]}


@pytest.mark.parametrize("prefix", ["/api/v1/chat", "/api/chat"])
async def test_a_direct_answer_carries_thoughts_text_and_tokens(person, prefix):
    mira = await person()
    data = (await mira.client.post(f"{prefix}/direct", json=ASK)).json()["data"]
    assert (data["text"], data["thinking"]) == ("You said: hello", "hm")
    assert (data["prompt_tokens"], data["completion_tokens"], data["total_tokens"]) == (1, 3, 4)


async def test_a_direct_stream_tells_the_same_piece_by_piece(person):
    mira = await person()
    body = (await mira.client.post("/api/chat/direct/stream", json=ASK)).text
    assert body.endswith("data: [DONE]\n\n")
    found = [json.loads(line.removeprefix("data: ")) for line in body.splitlines() if line.startswith("data: {")]
    assert "".join(event["text"] for event in found if event["type"] == "thinking") == "hm"
    assert found[-1]["usage"]["total_tokens"] == 4


async def test_quick_chat_is_one_message_and_one_answer(person):
    mira = await person()
    answer = await mira.client.post("/api/v1/chat/quick", json={"model": "fake-llm", "message": "hi"})
    assert answer.json()["data"]["text"] == "You said: hi"


async def test_the_model_must_be_named_and_exist_and_hold_the_prompt(person, stranger):
    mira = await person()
    url = "/api/v1/chat/quick"
    assert (await mira.client.post(url, json={"message": "hi"})).json()["error"]["param"] == "model"
    assert (await mira.client.post(url, json={"model": "nobody", "message": "hi"})).status_code == 404
    long = {"model": "fake-llm", "message": "goat " * 5000}
    refused = await mira.client.post(url, json=long)
    assert (refused.status_code, refused.json()["error"]["code"]) == (413, "context_length_exceeded")
    assert (await stranger.post(url, json=long)).status_code == 401
