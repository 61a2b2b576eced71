from __future__ import annotations

import asyncio
import json
import math
from collections.abc import Sequence

import httpx
import pytest

from cluster.contracts.generation import GenerationRequest
from cluster.fakes.gateway import FakeGateway
from cluster.settings import HttpSettings, Settings
from tests.patience import PATIENCE_S

URL = "/v1/chat/completions"
LONG = {"model": "fake-llm", "messages": [{"role": "user", "content": "word " * 5000}], "stream": True}


def of_a_caller(requests: Sequence[GenerationRequest]) -> list[GenerationRequest]:
    """Without what the house itself asks: work that others left in these stores, which every app takes up."""
    return [request for request in requests if request.messages and (request.messages[-1].content or "").startswith("word word")]


@pytest.mark.parametrize("choices", [1, 3])
async def test_a_caller_that_leaves_mid_stream_stops_the_generation(served, eventually, choices):
    gateway = FakeGateway(pace_s=0.005)
    async with served(gateway) as client:
        async with client.stream("POST", URL, json=LONG | {"n": choices}) as response:
            async for line in response.aiter_lines():
                if "word" in line:
                    break
        await eventually(lambda: len(of_a_caller(gateway.ended)) == choices)
    assert len(of_a_caller(gateway.asked_for(GenerationRequest))) == choices


async def test_a_caller_that_leaves_before_the_first_token_stops_the_generation(served, eventually):
    gateway = FakeGateway(pace_s=math.inf)
    async with served(gateway) as client:
        for stream in (True, False):
            with pytest.raises(httpx.ReadTimeout):
                await client.post(URL, json=LONG | {"stream": stream}, timeout=2)
        await eventually(lambda: len(of_a_caller(gateway.ended)) == 2)


async def test_a_left_stream_is_logged_as_left_and_no_stream_stays_open(served, eventually):
    gateway = FakeGateway(pace_s=0.005)
    async with served(gateway) as client:
        async with client.stream("POST", URL, json=LONG) as response:
            await anext(response.aiter_lines())
        await eventually(lambda: of_a_caller(gateway.ended))
        # It is counted a moment after the model was told to stop.
        async with asyncio.timeout(PATIENCE_S):
            while 'path="/v1/chat/completions",status="499"' not in (text := (await client.get("/metrics")).text):  # noqa: ASYNC110 - the server does not know of us
                await asyncio.sleep(0.05)
    assert 'hearth_streams_open{model="fake-llm"} 0.0' in text


async def test_tokens_arrive_as_they_are_made(served):
    gateway = FakeGateway(pace_s=0.05)
    async with served(gateway) as client, client.stream("POST", URL, json=LONG) as response:
        async for line in response.aiter_lines():
            if '"content":"You"' in line:
                break
        assert not of_a_caller(gateway.ended)


async def test_silence_ends_a_stream_with_an_error_event(served):
    gateway = FakeGateway(pace_s=0.01, breaks_after={"fake-llm": 2}, hangs=frozenset({"fake-llm"}))
    async with served(gateway, Settings(http=HttpSettings(stream_idle_timeout_s=0.2))) as client:
        text = (await client.post(URL, json=LONG)).text
    last = json.loads(text.split("\n\n")[-2].removeprefix("data: "))
    assert last["error"]["code"] == "deadline_exceeded"
    assert "http.stream_idle_timeout_s" in last["error"]["message"]
    assert len(of_a_caller(gateway.ended)) == 1


async def test_a_stream_that_outlasts_the_request_timeout_ends_with_an_error_event(served):
    gateway = FakeGateway(pace_s=0.01)
    async with served(gateway, Settings(http=HttpSettings(request_timeout_s=3))) as client:
        text = (await client.post(URL, json=LONG)).text
    last = json.loads(text.split("\n\n")[-2].removeprefix("data: "))
    assert "http.request_timeout_s" in last["error"]["message"]
    assert len(of_a_caller(gateway.ended)) == 1


async def test_many_streams_run_side_by_side(served):
    gateway = FakeGateway(pace_s=0.02)
    body = LONG | {"messages": [{"role": "user", "content": "word word three"}]}
    async with served(gateway) as client:
        client = httpx.AsyncClient(base_url=client.base_url, headers=client.headers, timeout=30, limits=httpx.Limits(max_connections=None))
        async with client:
            answers = await asyncio.gather(*(client.post(URL, json=body) for _ in range(200)))
    assert all(answer.text.endswith("data: [DONE]\n\n") for answer in answers)
    assert len(of_a_caller(gateway.ended)) == 200


@pytest.mark.parametrize("change", [{}, {"stream": False}, {"n": 3}, {"n": 3, "stream": False}])
async def test_a_server_that_cancels_the_request_stops_the_generation(in_process, eventually, change):
    gateway = FakeGateway(pace_s=0.005)
    async with in_process(gateway) as client:
        asked = asyncio.ensure_future(client.post(URL, json=LONG | change))
        await eventually(lambda: len(of_a_caller(gateway.asked_for(GenerationRequest))) == change.get("n", 1))
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
    assert len(of_a_caller(gateway.ended)) == len(of_a_caller(gateway.asked_for(GenerationRequest)))
