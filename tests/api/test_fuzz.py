"""Whatever a caller sends, the answer is an answer or a 4xx in the error shape, never a 5xx."""

from __future__ import annotations

import json
import urllib.parse

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from api.chat.schemas import ChatBody
from api.completions.schemas import CompletionBody
from api.embeddings.schemas import EmbeddingBody
from api.vision.schemas import EmbedBody

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
json_values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4), max_leaves=12
)
messages = st.lists(
    st.fixed_dictionaries(
        {"role": st.sampled_from(["user", "assistant", "system", "tool", "x"]), "content": json_values},
        optional={"tool_calls": json_values, "tool_call_id": json_values, "name": json_values},
    ),
    max_size=3,
)


def bodies(shape: type[BaseModel], start: dict[str, object]) -> st.SearchStrategy[dict[str, object]]:
    """A body that is right, with some of its fields replaced by anything, and sometimes one that does not exist."""
    names = st.sampled_from([*shape.model_fields, "surprise"])
    return st.dictionaries(names, json_values | messages, max_size=4).map(lambda changes: start | changes)


chats = bodies(ChatBody, {"model": "fake-llm", "messages": [{"role": "user", "content": "hi"}]})
cases = st.one_of(
    st.tuples(st.just("/v1/chat/completions"), chats),
    st.tuples(st.just("/v1/chat/completions"), st.builds(lambda body, said: body | {"messages": said}, chats, messages)),
    st.tuples(st.just("/v1/completions"), bodies(CompletionBody, {"model": "fake-llm", "prompt": "hi"})),
    st.tuples(st.just("/v1/embeddings"), bodies(EmbeddingBody, {"model": "fake-embedder", "input": "hi"})),
    st.tuples(st.just("/api/v1/vision/embed"), bodies(EmbedBody, {"texts": ["hi"]})),
)


def check(response: httpx.Response) -> None:
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        assert set(response.json()["error"]) == {"message", "type", "param", "code"}
        assert response.json()["error"]["message"].endswith((".", "?"))


QUICKLY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])


@QUICKLY
@given(cases)
async def test_any_json_is_answered_or_refused(client, case):
    url, body = case
    raw = json.dumps(body)  # NaN and infinities as Python writes them, which is not JSON
    check(await client.post(url, content=raw.encode("utf-8", "surrogatepass"), headers={"Content-Type": "application/json"}))


@QUICKLY
@given(st.sampled_from(["/v1/chat/completions", "/v1/embeddings", "/api/v1/vision/embed"]), st.binary(max_size=200))
async def test_any_bytes_are_refused(client, url, raw):
    response = await client.post(url, content=raw, headers={"Content-Type": "application/json"})
    check(response)
    assert response.status_code >= 400


@QUICKLY
@given(
    st.sampled_from(["/v1/audio/transcriptions", "/api/v1/audio/transcribe", "/api/v1/vision/embed", "/api/v1/vision/extract-text"]),
    st.binary(max_size=200),
    st.sampled_from(
        ["multipart/form-data; boundary=x", "multipart/form-data", "image/png", "audio/wav", "application/octet-stream", "x/y; =;"]
    ),
)
async def test_any_upload_is_answered_or_refused(client, url, raw, kind):
    wrapped = b'--x\r\nContent-Disposition: form-data; name="' + raw + b"\r\n--x--\r\n"
    for content in (raw, wrapped):
        check(await client.post(url, content=content, headers={"Content-Type": kind}))


@QUICKLY
@given(st.text(max_size=60), st.sampled_from(["GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS"]))
async def test_any_path_and_method_is_answered_or_refused(client, path, method):
    response = await client.request(method, "/" + urllib.parse.quote(path.encode("utf-8", "surrogatepass")))
    assert response.status_code < 500
