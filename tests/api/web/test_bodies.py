from __future__ import annotations

import pytest

URL = "/v1/chat/completions"
JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b'"text"',
        b"\xff\xfe{\x00",
        b'{"model": "\xff"}',
        b'{"model": "\\ud800"}',
        b'{"temperature": NaN}',
        b'{"temperature": Infinity}',
        b'{"temperature": 1e400}',
        b'{"n": ' + b"9" * 5000 + b"}",
        b"[" * 100_000,
        b'{"tools":' * 300 + b"1" + b"}" * 300,
        b"model=fake-llm",
    ],
)
async def test_what_is_not_a_json_object_is_refused(client, error, raw):
    response = await client.post(URL, content=raw, headers=JSON)
    assert response.status_code == 400
    error(response)


@pytest.mark.parametrize("kind", [None, "text/plain", "multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "nonsense"])
async def test_other_content_types_are_refused(client, error, kind):
    response = await client.post(URL, content=b"{}", headers={} if kind is None else {"Content-Type": kind})
    assert response.status_code == 415
    assert "application/json" in error(response)["message"]


async def test_a_charset_in_the_content_type_is_fine(client):
    response = await client.post(
        URL,
        content='{"model": "fake-llm", "messages": [{"role": "user", "content": "grüß"}]}'.encode(),
        headers={"Content-Type": "Application/JSON; charset=utf-8"},
    )
    assert response.json()["choices"][0]["message"]["content"] == "You said: grüß"


async def test_a_repeated_query_parameter_is_refused(client, error):
    response = await client.post(URL + "?a=1&a=2", json={})
    assert response.status_code == 400
    assert error(response)["param"] == "a"


async def test_an_infinite_number_inside_a_free_object_is_refused(client, error):
    tool = b'{"type":"function","function":{"name":"f","parameters":{"a":1e999}}}'
    raw = b'{"model":"m","messages":[{"role":"user","content":"x"}],"tools":[' + tool + b"]}"
    response = await client.post(URL, content=raw, headers=JSON)
    assert response.status_code == 400
    assert error(response)["param"] == "tools.0.function.parameters.a"


async def test_a_nul_in_a_key_is_found_too(client, error):
    response = await client.post(URL, json={"model": "fake-llm", "messages": [], "a\x00": 1})
    assert response.status_code == 400
    assert "NUL" in error(response)["message"]
