"""Requests that are open at once: let go when the caller leaves, and when the replica that held them is gone."""

from __future__ import annotations

import asyncio
import math
import time

import httpx
import pytest

from api.app import create_app
from api.limits.limiter import Limiter
from api.web.principal import Principal, Role
from cluster.fakes.gateway import FakeGateway
from cluster.serving.vectors import ServeVectors
from cluster.settings import SubjectQuota
from tests.api.fixtures.metering import ASK, ASK_URL, in_process, served
from tests.api.limits.conftest import quotas
from tests.patience import PATIENCE_S

ONE = SubjectQuota(requests_per_minute=0, concurrent=1)
STREAM = {**ASK, "stream": True}
CHAT, SAID = "/api/v1/chat/conversations", {"model": "fake-llm", "content": "x"}


async def asked_until(client: httpx.AsyncClient, status: int, headers: dict[str, str]) -> httpx.Response:
    async with asyncio.timeout(PATIENCE_S):
        while True:
            answer = await client.post(ASK_URL, json=ASK, headers=headers)
            if answer.status_code == status:
                return answer
            await asyncio.sleep(0.02)


async def test_an_open_stream_counts_in_every_replica_and_no_more_once_its_reader_leaves(make_app, open_app, person, error):
    slow = FakeGateway(pace_s=0.05, breaks_after={"fake-llm": 1}, hangs=("fake-llm",))
    app = make_app(slow, user=ONE)
    async with served(app) as address, open_app(user=ONE) as other, httpx.AsyncClient(base_url=address, timeout=20) as reader:
        async with reader.stream("POST", ASK_URL, json=STREAM, headers=person.headers) as stream:
            assert stream.status_code == 200, await stream.aread()
            lines = stream.aiter_lines()
            await anext(lines)
            refused = await other.post(ASK_URL, json=ASK, headers=person.headers)
            assert refused.status_code == 429
            assert "1 requests to models open" in error(refused)["message"]
            assert refused.headers["retry-after"] == "1"
            # Longer than a lease: it is renewed for as long as the stream is open.
            await asyncio.sleep(1.0)
            assert (await other.post(ASK_URL, json=ASK, headers=person.headers)).status_code == 429
        await asked_until(other, 200, person.headers)
    await app.state.limiter.leases.close()


async def test_a_request_that_is_cancelled_is_let_go(open_app, person, eventually):
    gateway = FakeGateway(pace_s=math.inf)
    async with open_app(gateway, user=ONE) as client, open_app(user=ONE) as other:
        waiting = asyncio.ensure_future(client.post(ASK_URL, json=ASK, headers=person.headers))
        await eventually(lambda: gateway.opened == 1)
        assert (await other.post(ASK_URL, json=ASK, headers=person.headers)).status_code == 429
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)
        await asked_until(other, 200, person.headers)


async def test_what_fails_is_let_go(open_app, person):
    gateway = FakeGateway(failures={"fake-llm": RuntimeError("broken")})
    async with open_app(gateway, user=ONE) as client:
        for _ in range(3):
            assert (await client.post(ASK_URL, json=ASK, headers=person.headers)).status_code == 500


async def test_what_a_killed_replica_held_lapses(stores, open_app, person):
    """Nobody renews it, nobody releases it: as after a kill -9."""
    limiter = Limiter(stores, quotas(user=ONE))
    verdict, lease = await limiter.ask(Principal(person.user_id, person.organisation_id, Role.ADMIN))
    assert verdict.refused is None
    await limiter.leases.close()
    for place in lease.places:
        await stores.cache.zadd(place, {lease.id: (time.time() + 0.6) * 1000})
    async with open_app(user=ONE) as client:
        assert (await client.post(ASK_URL, json=ASK, headers=person.headers)).status_code == 429
        await asked_until(client, 200, person.headers)


async def test_what_asks_no_model_is_not_counted_as_open(open_app, person, eventually):
    gateway = FakeGateway(pace_s=math.inf)
    async with open_app(gateway, user=ONE) as client:
        waiting = asyncio.ensure_future(client.post(ASK_URL, json=ASK, headers=person.headers))
        await eventually(lambda: gateway.opened == 1)
        assert (await client.get("/v1/models", headers=person.headers)).status_code == 200
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)


async def test_a_prepared_answer_counts_as_open_until_it_is_written(stores, store_settings, person, error):
    settings = store_settings.model_copy(update={"quotas": quotas(user=ONE)})
    app = create_app(FakeGateway(pace_s=math.inf), settings, stores, ServeVectors(settings.vectors))
    async with app.router.lifespan_context(app), in_process(app) as client:
        client.headers.update(person.headers)
        path = f"{CHAT}/{(await client.post(CHAT, json={})).json()['data']['id']}"
        assert (await client.post(f"{path}/prepare-stream", json=SAID)).status_code == 200
        refused = await client.post(f"{path}/prepare-stream", json=SAID)
        assert refused.status_code == 429
        assert "1 requests to models open" in error(refused)["message"]
        assert (await client.post(f"{path}/stop", json={})).status_code == 200
        async with asyncio.timeout(30):
            while (await client.post(f"{path}/prepare-stream", json=SAID)).status_code != 200:  # noqa: ASYNC110 - the stop is noticed when it is
                await asyncio.sleep(0.05)


@pytest.mark.parametrize("most", [3])
async def test_many_at_once_never_hold_more_than_the_limit(open_app, person, eventually, most):
    gateway = FakeGateway(pace_s=math.inf)
    quota = SubjectQuota(requests_per_minute=0, concurrent=most)
    async with open_app(gateway, user=quota) as one, open_app(gateway, user=quota) as other:
        waiting = [
            asyncio.ensure_future(client.post(ASK_URL, json=ASK, headers=person.headers)) for client in (one, other) for _ in range(10)
        ]
        await eventually(lambda: gateway.opened + sum(task.done() for task in waiting) == 20)
        assert gateway.opened == most
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
