"""One request over HTTP: asked again while the models are busy, given up when that has no sense."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from fastapi import FastAPI, Request
from starlette.responses import JSONResponse, Response

from cluster.batches.answers import Answer
from cluster.batches.lines import Request as Line
from cluster.batches.names import request_name
from cluster.errors import Unauthorized, Unavailable
from cluster.home import Home
from cluster.runtime.ports import free_ports
from cluster.runtime.state import RunState, read_state, write_state
from cluster.settings import BatchSettings, Settings
from pipelines.batch.asking import Asking
from tests.api.fixtures.metering import served

BATCH = uuid.uuid4()
LINE = Line(7, 0, 1, "mine", "llm")
BUSY = {"error": {"message": "Busy.", "type": "rate_limit_error", "param": None, "code": "overloaded"}}


@pytest.fixture
def asking(tmp_path):
    @asynccontextmanager
    async def against(*answers: Response, patience_s: float = 5) -> AsyncIterator[tuple[Asking, list[dict[str, object]]]]:
        """Somebody who asks an upstream that gives ``answers``, the last one for ever, and what it was sent."""
        app, left, sent = FastAPI(), list(answers), list[dict[str, object]]()

        @app.post("/v1/embeddings")
        async def embed(request: Request) -> Response:
            sent.append(await request.json() | {"token": request.headers["authorization"]})
            return left.pop(0) if len(left) > 1 else left[0]

        async with served(app) as base:
            told = RunState(pid=os.getpid(), phase="ready", profile="tests", base_url=base, started_at=time.time())
            write_state(Home(tmp_path), told)
            made = Asking(BATCH, Settings(home=tmp_path, batches=BatchSettings(patience_s=patience_s)))
            try:
                yield made, sent
            finally:
                await made.close()

    return against


async def answer(asking: Asking, body: dict[str, Any] | None = None) -> Answer:
    return await asking.answer(LINE, "/v1/embeddings", body or {"model": "llm"})


async def test_the_answer_is_given_on_as_it_is(asking):
    body = {"vector": [0.1, 1e-9], "text": "\u00fc\u2028"}
    async with asking(JSONResponse(body, headers={"X-Request-Id": "r1"})) as (asks, sent):
        told = await answer(asks, {"model": "llm", "input": "\ud800 half"})
    assert json.loads(told.content) == {
        "id": request_name(BATCH, 7),
        "custom_id": "mine",
        "response": {"status_code": 200, "request_id": "r1", "body": body},
        "error": None,
    }
    assert (told.line, told.is_error) == (7, False)
    assert "\n" not in told.content
    assert sent[0]["input"] == "\ud800 half"
    assert str(sent[0]["token"]).startswith("Bearer ey")


@pytest.mark.parametrize("status", [429, 502, 503])
async def test_what_passes_is_waited_for(asking, status):
    busy = JSONResponse(BUSY, status, {"Retry-After": "0"})
    async with asking(busy, busy, JSONResponse({"done": 1})) as (asks, sent):
        assert not (await answer(asks)).is_error
        assert len(sent) == 3


async def test_what_lasts_longer_than_patience_is_the_answer(asking):
    async with asking(JSONResponse(BUSY, 429, {"Retry-After": "3600"})) as (asks, sent):
        told = await answer(asks)
        assert told.is_error
        assert json.loads(told.content)["response"] == {"status_code": 429, "request_id": "", "body": BUSY}
        assert len(sent) == 1


@pytest.mark.parametrize("status", [400, 404, 413, 500, 504])
async def test_an_error_that_stays_is_the_answer(asking, status):
    async with asking(JSONResponse(BUSY, status)) as (asks, sent):
        assert (await answer(asks)).is_error
        assert len(sent) == 1


async def test_a_spent_budget_is_not_waited_for(asking):
    spent = {"error": BUSY["error"] | {"code": "insufficient_quota"}}
    async with asking(JSONResponse(spent, 429, {"Retry-After": "0"})) as (asks, sent):
        assert (await answer(asks)).is_error
        assert len(sent) == 1


@pytest.mark.parametrize("status", [401, 403])
async def test_who_may_ask_no_longer_is_told(asking, status):
    async with asking(JSONResponse(BUSY, status)) as (asks, _):
        with pytest.raises(Unauthorized, match="Busy"):
            await answer(asks)


async def test_words_that_are_no_json_become_an_error(asking):
    async with asking(Response("<html>Bad gateway</html>", 500)) as (asks, _):
        told = json.loads((await answer(asks)).content)
        assert told["response"]["body"]["error"]["code"] == "bad_gateway"


async def test_an_api_that_starts_again_elsewhere_is_found(asking, tmp_path):
    async with asking(JSONResponse({"done": 1})) as (asks, sent):
        there = read_state(Home(tmp_path))
        assert there is not None
        write_state(Home(tmp_path), there.model_copy(update={"base_url": f"http://127.0.0.1:{free_ports(1)[0]}"}))
        waiting = asyncio.ensure_future(answer(asks))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        write_state(Home(tmp_path), there)
        assert not (await waiting).is_error
        assert len(sent) == 1


async def test_nobody_there_is_the_cluster_s_trouble(tmp_path):
    asks = Asking(BATCH, Settings(home=tmp_path, batches=BatchSettings(patience_s=0.1)))
    with pytest.raises(Unavailable):
        await answer(asks)
    assert await asks.load() == []
    await asks.close()
