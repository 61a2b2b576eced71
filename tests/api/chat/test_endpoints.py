from __future__ import annotations

import json
from typing import Any

import pytest

from cluster.contracts.generation import GenerationRequest
from cluster.errors import EngineError, Unavailable
from cluster.fakes.gateway import FakeGateway

URL = "/v1/chat/completions"
HELLO = {"model": "fake-llm", "messages": [{"role": "user", "content": "hello there"}]}
WEATHER = {
    "type": "function",
    "function": {"name": "weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},
}


def events(text: str) -> list[str]:
    assert text.endswith("\n\n")
    return [line.removeprefix("data: ") for line in text.split("\n\n") if line]


def chunks(text: str) -> list[dict[str, Any]]:
    assert events(text)[-1] == "[DONE]"
    return [json.loads(event) for event in events(text)[:-1]]


async def test_an_answer_has_openais_shape(client):
    answer = (await client.post(URL, json=HELLO)).json()
    assert answer["object"] == "chat.completion"
    assert answer["model"] == "fake-llm"
    assert answer["choices"] == [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "You said: hello there", "refusal": None},
            "logprobs": None,
            "finish_reason": "stop",
        }
    ]
    assert answer["usage"] == {
        "prompt_tokens": 2,
        "completion_tokens": 4,
        "total_tokens": 6,
        "prompt_tokens_details": {"cached_tokens": 1},
    }


async def test_the_id_of_an_answer_carries_the_request_id(client):
    response = await client.post(URL, json=HELLO, headers={"X-Request-Id": "abc-1"})
    assert response.json()["id"] == "chatcmpl-abc-1"
    assert response.headers["x-request-id"] == "abc-1"


async def test_a_stream_opens_with_the_role_and_closes_with_the_reason(client):
    response = await client.post(URL, json=HELLO | {"stream": True})
    assert response.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert response.headers["cache-control"] == "no-cache, no-transform"
    assert response.headers["x-accel-buffering"] == "no"
    found = chunks(response.text)
    assert found[0]["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in found) == "You said: hello there"
    assert [chunk["choices"][0]["finish_reason"] for chunk in found[-2:]] == [None, "stop"]
    assert all("usage" not in chunk for chunk in found)
    assert len({chunk["id"] for chunk in found}) == 1


async def test_a_stream_reports_usage_when_asked(client):
    found = chunks((await client.post(URL, json=HELLO | {"stream": True, "stream_options": {"include_usage": True}})).text)
    assert all(chunk["usage"] is None for chunk in found[:-1])
    assert found[-1]["choices"] == []
    assert found[-1]["usage"]["total_tokens"] == 6


async def test_several_choices_stream_with_their_indexes(client):
    found = chunks((await client.post(URL, json=HELLO | {"stream": True, "n": 3})).text)
    for index in range(3):
        mine = [chunk["choices"][0] for chunk in found if chunk["choices"][0]["index"] == index]
        assert mine[0]["delta"]["role"] == "assistant"
        assert "".join(choice["delta"].get("content", "") for choice in mine) == "You said: hello there"


async def test_several_choices_share_the_prompt_in_the_usage(client):
    answer = (await client.post(URL, json=HELLO | {"n": 3})).json()
    assert [choice["index"] for choice in answer["choices"]] == [0, 1, 2]
    assert answer["usage"]["prompt_tokens"] == 2
    assert answer["usage"]["completion_tokens"] == 12


async def test_choices_have_seeds_of_their_own(client, gateway):
    await client.post(URL, json=HELLO | {"n": 2, "seed": 7})
    assert [request.sampling.seed for request in gateway.asked_for(GenerationRequest)] == [7, 8]


async def test_text_that_breaks_json_or_events_arrives_whole(client):
    said = 'a "quote"\n\ndata: [DONE]\n\n back\\slash \u2028 ünï 🐐 </script>'
    body = {"model": "fake-llm", "messages": [{"role": "user", "content": said}], "stream": True}
    found = chunks((await client.post(URL, json=body)).text)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in found) == f"You said: {said}"


async def test_generation_stops_at_the_stop_text_and_at_the_token_limit(client):
    stopped = (await client.post(URL, json=HELLO | {"stop": " there"})).json()["choices"][0]
    assert (stopped["message"]["content"], stopped["finish_reason"]) == ("You said: hello", "stop")
    cut = (await client.post(URL, json=HELLO | {"max_completion_tokens": 2})).json()["choices"][0]
    assert (cut["message"]["content"], cut["finish_reason"]) == ("You said:", "length")


async def test_log_probabilities_are_reported_with_alternatives(client):
    answer = (await client.post(URL, json=HELLO | {"logprobs": True, "top_logprobs": 2})).json()
    tokens = answer["choices"][0]["logprobs"]["content"]
    assert tokens[0] == {
        "token": "You",
        "logprob": -0.1,
        "bytes": [89, 111, 117],
        "top_logprobs": [
            {"token": "You", "logprob": -0.1, "bytes": [89, 111, 117]},
            {"token": "You1", "logprob": -1.1, "bytes": [89, 111, 117, 49]},
        ],
    }
    streamed = chunks((await client.post(URL, json=HELLO | {"logprobs": True, "stream": True})).text)
    assert streamed[1]["choices"][0]["logprobs"]["content"][0]["token"] == "You"


async def test_a_tool_call_comes_whole_or_in_pieces(client):
    body = HELLO | {"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "weather"}}}
    choice = (await client.post(URL, json=body)).json()["choices"][0]
    assert choice["finish_reason"] == "tool_calls"
    assert choice["message"]["content"] is None
    assert choice["message"]["tool_calls"][0]["function"] == {"name": "weather", "arguments": '{"city": "text"}'}
    found = chunks((await client.post(URL, json=body | {"stream": True})).text)
    pieces = [piece for chunk in found for piece in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert pieces[0]["type"] == "function"
    assert pieces[0]["function"]["name"] == "weather"
    assert "".join(piece["function"]["arguments"] for piece in pieces) == '{"city": "text"}'


async def test_a_whole_conversation_reaches_the_gateway(client, gateway):
    conversation = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}], "name": "ada"},
        {
            "role": "assistant",
            "content": None,
            "refusal": None,
            "annotations": [],
            "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "weather", "arguments": "{}"}}],
        },
        {"role": "tool", "tool_call_id": "c1", "content": "rain"},
    ]
    response = await client.post(URL, json={"model": "fake-llm", "messages": conversation, "tools": [WEATHER]})
    assert response.status_code == 200
    messages = gateway.asked_for(GenerationRequest)[0].messages
    assert [message.role for message in messages] == ["system", "user", "assistant", "tool"]
    assert messages[1].content == "a\nb"
    assert messages[2].tool_calls[0].name == "weather"
    assert messages[3].tool_call_id == "c1"


async def test_an_adapter_is_named_after_a_colon(client, gateway):
    answer = (await client.post(URL, json=HELLO | {"model": "fake-llm:pirate"})).json()
    assert answer["model"] == "fake-llm:pirate"
    assert (gateway.asked_for(GenerationRequest)[0].model, gateway.asked_for(GenerationRequest)[0].adapter) == ("fake-llm", "pirate")


async def test_response_formats_are_passed_on(client):
    body = HELLO | {"response_format": {"type": "json_object"}}
    assert json.loads((await client.post(URL, json=body)).json()["choices"][0]["message"]["content"]) == {"echo": "hello there"}
    schema = {"type": "object", "properties": {"age": {"type": "integer"}}}
    held = HELLO | {"response_format": {"type": "json_schema", "json_schema": {"name": "person", "schema": schema}}}
    assert json.loads((await client.post(URL, json=held)).json()["choices"][0]["message"]["content"]) == {"age": 0}


async def test_a_nano_model_says_so(client):
    assert "larger model" in (await client.post(URL, json=HELLO)).headers["x-hearth-notice"]
    assert "larger model" in (await client.post(URL, json=HELLO | {"stream": True})).headers["x-hearth-notice"]


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"messages": []}, "messages"),
        ({"messages": "hello"}, "messages"),
        ({"messages": [{"role": "user"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": 5}]}, "messages.0.content"),
        ({"messages": [{"role": "wizard", "content": "x"}]}, "messages.0.role"),
        ({"messages": [{"content": "x"}]}, "messages.0.role"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.tool_call_id"),
        ({"messages": [{"role": "assistant"}]}, "messages.0"),
        ({"messages": [{"role": "user", "content": "nul \x00"}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}, "messages.0.content"),
        ({"messages": [{"role": "user", "content": [{"type": "input_audio", "input_audio": {}}]}]}, "messages.0.content"),
        ({"temperature": "0.5"}, "temperature"),
        ({"temperature": True}, "temperature"),
        ({"temperature": 2.5}, "temperature"),
        ({"n": True}, "n"),
        ({"n": 0}, "n"),
        ({"n": 9}, "n"),
        ({"n": 10**30}, "n"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"seed": 2**64}, "seed"),
        ({"stop": [""]}, "stop.0"),
        ({"stop": ["x"] * 17}, "stop"),
        ({"stream": "yes"}, "stream"),
        ({"stream_options": {"include_usage": True}}, None),
        ({"logit_bias": {"x": 1}}, "logit_bias.x"),
        ({"logit_bias": {"1": 101}}, "logit_bias.1"),
        ({"top_logprobs": 2}, None),
        ({"top_logprobs": 21, "logprobs": True}, "top_logprobs"),
        ({"tools": [{"type": "function", "function": {"name": "has space"}}]}, "tools.0.function.name"),
        ({"tool_choice": "required"}, None),
        ({"tools": [WEATHER, WEATHER]}, None),
        ({"tools": [WEATHER], "tool_choice": {"type": "function", "function": {"name": "other"}}}, None),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"store": True}, "store"),
        ({"functions": []}, "functions"),
        ({"reasoning_effort": "high"}, "reasoning_effort"),
        ({"temprature": 1}, "temprature"),
        ({"model": 5}, "model"),
        ({"model": ""}, "model"),
        ({"max_tokens": 5, "max_completion_tokens": 6}, None),
    ],
)
async def test_what_cannot_be_meant_is_refused_naming_the_field(client, error, gateway, change, param):
    response = await client.post(URL, json=HELLO | change)
    assert response.status_code == 400
    found = error(response)
    assert found["param"] == param
    assert found["type"] == "invalid_request_error"
    # The application also carries on answers that other tests prepared and left.
    assert [asked for asked in gateway.asked_for(GenerationRequest) if asked.request_id.startswith(response.headers["x-request-id"])] == []


async def test_a_misspelt_field_is_answered_with_the_nearest(client, error):
    assert "did you mean 'temperature'?" in error(await client.post(URL, json=HELLO | {"temprature": 1}))["message"]


async def test_an_image_is_refused_with_the_way_to_read_it(client, error):
    body = HELLO | {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]}
    assert "takes no images" in error(await client.post(URL, json=body))["message"]


async def test_an_unknown_model_is_answered_with_the_nearest(client, error):
    for body in (HELLO | {"model": "fake-lm"}, HELLO | {"model": "fake-lm", "stream": True}, HELLO | {"model": "fake-embedder"}):
        response = await client.post(URL, json=body)
        assert response.status_code == 404
        assert error(response)["code"] == "model_not_found"
    assert "did you mean 'fake-llm'?" in error(await client.post(URL, json=HELLO | {"model": "fake-lm"}))["message"]


async def test_an_error_before_the_first_token_is_an_ordinary_answer(in_process, error):
    gateway = FakeGateway(failures={"fake-llm": Unavailable("The model is being loaded; retry in 7 s.")})
    async with in_process(gateway) as client:
        response = await client.post(URL, json=HELLO | {"stream": True})
    assert response.status_code == 503
    assert response.headers["retry-after"] == "7"
    assert error(response)["code"] == "unavailable"


async def test_an_error_after_the_first_token_is_an_event_that_ends_the_stream(in_process):
    gateway = FakeGateway(failures={"fake-llm": EngineError("The engine stopped; send it again.")}, breaks_after={"fake-llm": 2})
    async with in_process(gateway) as client:
        response = await client.post(URL, json=HELLO | {"stream": True})
    assert response.status_code == 200
    last = json.loads(events(response.text)[-1])
    assert last == {
        "error": {"message": "The engine stopped; send it again.", "type": "server_error", "param": None, "code": "engine_error"}
    }
    assert (gateway.opened, gateway.closed) == (1, 1)


async def test_one_failing_choice_ends_the_others(in_process, error):
    gateway = FakeGateway(failures={"fake-llm": EngineError("The engine stopped; send it again.")}, breaks_after={"fake-llm": 2})
    async with in_process(gateway) as client:
        assert error(await client.post(URL, json=HELLO | {"n": 4}))["code"] == "engine_error"
        await client.post(URL, json=HELLO | {"n": 4, "stream": True})
    assert (gateway.opened, gateway.closed) == (8, 8)
