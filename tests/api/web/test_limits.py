from __future__ import annotations

import asyncio
import math
from contextlib import asynccontextmanager

import pytest

from cluster.contracts.generation import GenerationRequest
from cluster.fakes.gateway import FakeGateway
from cluster.settings import HttpSettings, Settings
from tests.patience import PATIENCE_S

URL = "/v1/chat/completions"
BODY = {"model": "fake-llm", "messages": [{"role": "user", "content": "x"}]}
SMALL = Settings(http=HttpSettings(max_body=1000))


async def test_a_declared_length_over_the_limit_is_refused_before_anything_is_read(served, gateway, error):
    async with served(gateway, SMALL) as client:
        response = await client.post(URL, content=b"x" * 1001, headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert "http.max_body" in error(response)["message"]


@asynccontextmanager
async def half_sent(client, url, kind):
    """A connection on which a chunked request has begun: a function that sends a chunk, and one that reads the whole answer."""
    reader, writer = await asyncio.open_connection(client.base_url.host, client.base_url.port)
    shown = f"Authorization: {client.headers['authorization']}"
    head = f"POST {url} HTTP/1.1\r\nHost: localhost\r\n{shown}\r\nContent-Type: {kind}\r\nTransfer-Encoding: chunked\r\n\r\n"
    writer.write(head.encode())

    async def send(chunk: bytes) -> None:
        writer.write(f"{len(chunk):x}\r\n".encode() + chunk + b"\r\n")
        await writer.drain()

    async def answer() -> bytes:
        async with asyncio.timeout(PATIENCE_S):
            return await reader.read()

    try:
        yield send, answer
    finally:
        writer.close()


FORM = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'


@pytest.mark.parametrize(
    ("url", "kind", "begin"), [(URL, "application/json", b"{"), ("/v1/audio/transcriptions", "multipart/form-data; boundary=x", FORM)]
)
async def test_a_chunked_body_is_refused_before_its_end(served, gateway, url, kind, begin):
    async with served(gateway, SMALL) as client, half_sent(client, url, kind) as (send, answer):
        await send(begin)
        await send(b" " * 1000)
        found = await answer()  # the body has not ended, and never will
    assert found.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in found.lower()
    assert b"http.max_body" in found


async def test_a_body_that_stops_coming_is_given_up(served, gateway):
    settings = Settings(http=HttpSettings(request_timeout_s=0.2))
    async with served(gateway, settings) as client, half_sent(client, URL, "application/json") as (send, answer):
        await send(b"{")
        found = await answer()
    assert found.startswith(b"HTTP/1.1 408 ")
    assert b"slow_request" in found


async def test_a_caller_that_leaves_in_the_middle_of_its_body_leaves_nothing_behind(served, gateway, eventually):
    async with served(gateway) as client:
        async with half_sent(client, URL, "application/json") as (send, _):
            await send(b"{")
        for _ in range(1000):
            if 'path="/v1/chat/completions",status="499"' in (await client.get("/metrics")).text:
                break
            await asyncio.sleep(0.01)
        else:
            pytest.fail("the request that was left is not counted as left")
    assert gateway.asked_for(GenerationRequest) == []


async def test_a_body_at_the_limit_is_taken(in_process, gateway):
    async with in_process(gateway, SMALL) as client:
        raw = b'{"model":"fake-llm","messages":[{"role":"user","content":"x"}]}'.ljust(1000)
        assert (await client.post(URL, content=raw, headers={"Content-Type": "application/json"})).status_code == 200


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
