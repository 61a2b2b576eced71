from __future__ import annotations

import re

import httpx
import pytest
import structlog

from api.app import create_app
from cluster.contracts.generation import GenerationRequest
from cluster.serving.vectors import ServeVectors
from cluster.settings import Settings
from cluster.stores.clients import connect

CHAT = {"model": "fake-llm", "messages": [{"role": "user", "content": "my secret"}]}


async def test_a_valid_request_id_is_kept_and_reaches_the_model(client, gateway):
    response = await client.post("/v1/chat/completions", json=CHAT | {"n": 2}, headers={"X-Request-Id": "trace/1.2:3"})
    assert response.headers.get_list("x-request-id") == ["trace/1.2:3"]
    assert [request.request_id for request in gateway.asked_for(GenerationRequest)] == ["trace/1.2:3-0", "trace/1.2:3-1"]


@pytest.mark.parametrize("given", [None, "", "x" * 129, "a b", "<script>", "a,b", 'a"b'])
async def test_any_other_is_replaced(client, given):
    response = await client.get("/healthz", headers={} if given is None else {"X-Request-Id": given})
    assert re.fullmatch(r"[0-9a-f]{32}", response.headers["x-request-id"])


async def test_errors_carry_the_request_id_too(client):
    for path in ("/nowhere", "/v1/models/none"):
        assert (await client.get(path, headers={"X-Request-Id": "me"})).headers["x-request-id"] == "me"


async def test_behind_a_server_that_echoes_the_id_it_is_said_once(gateway):
    transport = httpx.ASGITransport(
        create_app(gateway, Settings(), connect(Settings()), ServeVectors(Settings().vectors), request_id_echoed=True)
    )
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        assert "x-request-id" not in (await client.get("/healthz", headers={"X-Request-Id": "me"})).headers
        assert "x-request-id" in (await client.get("/healthz")).headers


async def test_one_line_is_logged_for_each_request_without_what_was_said(client):
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        await client.post("/v1/chat/completions?key=hunter2", json=CHAT, headers={"X-Request-Id": "me", "Cookie": "hunter2"})
        await client.get("/healthz")
    # An application also carries on what others left, and says so.
    (line,) = [line for line in logs if line["event"] == "request"]
    assert line["request_id"] == "me"
    assert (line["method"], line["path"], line["status"]) == ("POST", "/v1/chat/completions", 200)
    assert (line["model"], line["prompt_tokens"], line["completion_tokens"]) == ("fake-llm", 2, 4)
    assert line["duration_ms"] > 0
    assert "secret" not in str(logs)
    assert "hunter2" not in str(logs)
