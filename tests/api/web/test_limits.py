from __future__ import annotations

import asyncio
import math

import pytest

from cluster.fakes.gateway import FakeGateway
from cluster.settings import HttpSettings, Settings

URL = "/v1/chat/completions"
BODY = {"model": "fake-llm", "messages": [{"role": "user", "content": "x"}]}
SMALL = Settings(http=HttpSettings(max_body=1000))


async def test_a_declared_length_over_the_limit_is_refused_before_anything_is_read(served, gateway, error):
    async with served(gateway, SMALL) as client:
        response = await client.post(URL, content=b"x" * 1001, headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert "http.max_body" in error(response)["message"]


async def test_a_chunked_body_is_counted_and_refused_while_it_comes(served, gateway, error):
    sent = 0

    async def endless():
        nonlocal sent
        for _ in range(1000):
            sent += 1
            yield b"x" * 100
            await asyncio.sleep(0.01)

    async with served(gateway, SMALL) as client:
        for url, kind in ((URL, "application/json"), ("/v1/audio/transcriptions", "multipart/form-data; boundary=x")):
            sent = 0
            request = client.build_request("POST", url, content=endless(), headers={"Content-Type": kind})
            response = await client.send(request)
            assert response.status_code in {400, 413}
            if kind == "application/json":
                assert response.status_code == 413
            error(response)


async def test_a_body_at_the_limit_is_taken(in_process, gateway):
    async with in_process(gateway, SMALL) as client:
        raw = b'{"model":"fake-llm","messages":[{"role":"user","content":"x"}]}'.ljust(1000)
        assert (await client.post(URL, content=raw, headers={"Content-Type": "application/json"})).status_code == 200


async def test_a_body_that_does_not_come_is_given_up(served, gateway, error):
    async def stalled():
        yield b"{"
        await asyncio.sleep(5)
        yield b"}"

    async with served(gateway, Settings(http=HttpSettings(request_timeout_s=0.2))) as client:
        response = await client.post(URL, content=stalled(), headers={"Content-Type": "application/json"})
    assert response.status_code == 408
    assert error(response)["code"] == "slow_request"


async def test_one_request_too_many_is_told_to_come_back_while_the_watcher_is_let_in(served, error, eventually):
    gateway = FakeGateway(pace_s=math.inf)
    async with served(gateway, Settings(http=HttpSettings(max_connections=16))) as client:
        waiting = [asyncio.ensure_future(client.post(URL, json=BODY)) for _ in range(16)]
        await eventually(lambda: gateway.opened == 16)
        response = await client.post(URL, json=BODY)
        assert response.status_code == 429
        assert response.headers["retry-after"] == "1"
        assert "http.max_connections" in error(response)["message"]
        assert (await client.get("/healthz")).status_code == 200
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        await eventually(lambda: gateway.closed == 16)


@pytest.mark.parametrize("url", [URL, "/v1/embeddings", "/api/v1/vision/embed"])
async def test_an_answer_that_is_not_ready_in_time_is_given_up_and_its_work_ended(in_process, error, url):
    gateway = FakeGateway(pace_s=math.inf)
    body = {URL: BODY, "/v1/embeddings": {"model": "fake-embedder", "input": "x"}}.get(url, {"texts": ["x"]})
    async with in_process(gateway, Settings(http=HttpSettings(request_timeout_s=0.1))) as client:
        response = await client.post(url, json=body)
    assert response.status_code == 504
    assert error(response)["code"] == "deadline_exceeded"
    assert gateway.opened == gateway.closed
