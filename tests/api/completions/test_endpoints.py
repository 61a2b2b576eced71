from __future__ import annotations

import json

import pytest

URL = "/v1/completions"


async def test_an_answer_has_openais_shape(client):
    answer = (await client.post(URL, json={"model": "fake-llm", "prompt": "a b"})).json()
    assert answer["object"] == "text_completion"
    assert answer["id"].startswith("cmpl-")
    assert answer["choices"] == [{"index": 0, "text": "You said: a b", "logprobs": None, "finish_reason": "stop"}]


@pytest.mark.parametrize(
    ("prompt", "texts"),
    [
        ("a", ["You said: a"]),
        (["a", "b"], ["You said: a", "You said: b"]),
        ([1, 2], ["You said: 1 2"]),
        ([[1], [2, 3]], ["You said: 1", "You said: 2 3"]),
    ],
)
async def test_prompts_come_in_four_forms(client, prompt, texts):
    answer = (await client.post(URL, json={"model": "fake-llm", "prompt": prompt})).json()
    assert [choice["text"] for choice in answer["choices"]] == texts


async def test_choices_stand_in_the_order_of_their_prompts(client):
    answer = (await client.post(URL, json={"model": "fake-llm", "prompt": ["a", "b c"], "n": 2})).json()
    assert [choice["text"][-1] for choice in answer["choices"]] == ["a", "a", "c", "c"]
    assert answer["usage"]["prompt_tokens"] == 3


async def test_it_stops_after_sixteen_tokens_by_default_as_openai_does(client):
    answer = (await client.post(URL, json={"model": "fake-llm", "prompt": "word " * 40})).json()
    assert answer["usage"]["completion_tokens"] == 16
    assert answer["choices"][0]["finish_reason"] == "length"


async def test_log_probabilities_have_the_legacy_shape_and_offsets(client):
    body = {"model": "fake-llm", "prompt": "a", "logprobs": 1}
    whole = (await client.post(URL, json=body)).json()["choices"][0]["logprobs"]
    assert whole["tokens"] == ["You", " said:", " a"]
    assert whole["text_offset"] == [0, 3, 9]
    assert whole["top_logprobs"][0] == {"You": -0.1}
    streamed = (await client.post(URL, json=body | {"stream": True})).text.split("\n\n")[:-2]
    offsets = [json.loads(line[6:])["choices"][0]["logprobs"] for line in streamed]
    assert [found["text_offset"] for found in offsets if found] == [[0], [3], [9]]


async def test_a_stream_ends_with_usage_when_asked(client):
    body = {"model": "fake-llm", "prompt": ["a", "b"], "stream": True, "stream_options": {"include_usage": True}}
    lines = (await client.post(URL, json=body)).text.split("\n\n")
    assert lines[-2] == "data: [DONE]"
    assert json.loads(lines[-3][6:])["usage"]["completion_tokens"] == 6
    texts = {0: "", 1: ""}
    for line in lines[:-3]:
        for choice in json.loads(line[6:])["choices"]:
            texts[choice["index"]] += choice["text"]
    assert texts == {0: "You said: a", 1: "You said: b"}


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"prompt": ""}, "prompt"),
        ({"prompt": ["a", ""]}, "prompt.1"),
        ({"prompt": []}, "prompt"),
        ({"prompt": [[]]}, "prompt.0"),
        ({"prompt": [-1]}, "prompt.0"),
        ({"prompt": [[1], [2, True]]}, "prompt.1.1"),
        ({"prompt": [True]}, "prompt.0"),
        ({"prompt": None}, "prompt"),
        ({"echo": True}, "echo"),
        ({"best_of": 3}, None),
        ({"suffix": "x"}, "suffix"),
        ({"logprobs": True}, "logprobs"),
        ({"messages": []}, "messages"),
    ],
)
async def test_what_cannot_be_meant_is_refused_naming_the_field(client, error, change, param):
    response = await client.post(URL, json={"model": "fake-llm", "prompt": "a"} | change)
    assert response.status_code == 400
    found = error(response)["param"]
    assert found == param
