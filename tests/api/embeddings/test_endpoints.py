from __future__ import annotations

import base64

import numpy as np
import pytest

from cluster.settings import LimitSettings, Settings

URL = "/v1/embeddings"


async def test_base64_holds_the_same_numbers_as_the_list(client):
    body = {"model": "fake-embedder", "input": ["a goat", "wool"]}
    floats = (await client.post(URL, json=body)).json()
    encoded = (await client.post(URL, json=body | {"encoding_format": "base64"})).json()
    for plain, packed in zip(floats["data"], encoded["data"], strict=True):
        vector = np.frombuffer(base64.b64decode(packed["embedding"]), dtype="<f4")
        assert np.array_equal(vector, np.asarray(plain["embedding"], dtype=np.float32))
        assert abs(np.linalg.norm(vector) - 1) < 1e-5
    assert floats["usage"] == {"prompt_tokens": 3, "total_tokens": 3}
    assert floats["variant"] == "fake-float32"


@pytest.mark.parametrize(("given", "count"), [("a", 1), (["a", "b"], 2), ([1, 2, 3], 1), ([[1], [2]], 2)])
async def test_inputs_come_in_four_forms(client, given, count):
    data = (await client.post(URL, json={"model": "fake-embedder", "input": given})).json()["data"]
    assert [item["index"] for item in data] == list(range(count))


async def test_a_shorter_vector_can_be_asked_for(client):
    body = {"model": "fake-embedder", "input": "a", "dimensions": 4}
    assert len((await client.post(URL, json=body)).json()["data"][0]["embedding"]) == 4


@pytest.mark.parametrize(
    ("change", "param"),
    [
        ({"input": ""}, "input"),
        ({"input": []}, "input"),
        ({"input": ["a", ""]}, "input.1"),
        ({"input": ["a", 1]}, "input.1"),
        ({"input": [[]]}, "input.0"),
        ({"input": [1.5]}, "input.0"),
        ({"input": {"a": 1}}, "input"),
        ({"input": [[2**40]]}, "input.0.0"),
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "4"}, "dimensions"),
        ({"encoding_format": "hex"}, "encoding_format"),
        ({"truncate": True}, "truncate"),
    ],
)
async def test_what_cannot_be_meant_is_refused_naming_the_field(client, error, change, param):
    response = await client.post(URL, json={"model": "fake-embedder", "input": "a"} | change)
    assert response.status_code == 400
    assert error(response)["param"] == param


async def test_too_many_or_too_long_texts_are_refused_naming_the_setting(in_process, gateway, error):
    settings = Settings(limits=LimitSettings(embedding_inputs=2, text_chars=5))
    async with in_process(gateway, settings) as client:
        many = await client.post(URL, json={"model": "fake-embedder", "input": ["a", "b", "c"]})
        long = await client.post(URL, json={"model": "fake-embedder", "input": ["a", "abcdef"]})
    assert (many.status_code, long.status_code) == (400, 400)
    assert "limits.embedding_inputs" in error(many)["message"]
    assert error(long)["param"] == "input.1"
