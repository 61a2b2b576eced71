from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest
from redis.asyncio import Redis

from cluster.contracts.generation import Caching, Sampling
from cluster.errors import HearthError
from cluster.providers.cache import CacheStats, RedisResponseCache, cache_key
from tests.cluster.providers.conftest import provider
from tests.cluster.providers.questions import WEATHER, ask, streamed, turns

COLD = Sampling(temperature=0)
KEPT: dict[str, Any] = {"sampling": COLD, "caching": Caching(60)}


@pytest.fixture
def cache(stores):
    return RedisResponseCache(stores.cache, prefix=f"test:{uuid.uuid4().hex}:")


@pytest.fixture
def gateway(upstream, making, cache):
    return making({"far": provider(upstream, models=("echo", "echo+cut=2"), retries={"attempts": 1})}, cache=cache)


async def test_an_equal_request_is_not_asked_twice(gateway, upstream):
    first = await gateway.generate(ask("far/echo", **KEPT))
    again = await gateway.generate(ask("far/echo", request_id="another", **KEPT))
    assert (again.text, again.usage, again.provenance.served_by) == (first.text, first.usage, "far/echo")
    assert (first.provenance.cached, again.provenance.cached) == (False, True)
    assert len(upstream.asked) == 1
    stats = await gateway.cache.stats()
    assert stats == CacheStats(hits=1, misses=1, stored=1)
    assert stats.hit_rate == 0.5


async def test_a_stream_is_kept_as_its_final_answer_and_given_to_either_kind_of_caller(gateway, upstream):
    asked = ask("far/echo", "use the tool", tools=(WEATHER,), **KEPT)
    first = await streamed(gateway, asked)
    again, whole = await streamed(gateway, asked), await gateway.generate(asked)
    assert again.tool_calls == whole.tool_calls == first.tool_calls
    assert again.provenance == whole.provenance
    assert len(upstream.asked) == 1


@pytest.mark.parametrize(
    "others",
    [
        {"sampling": COLD},
        {"sampling": COLD, "caching": Caching(0)},
        {"caching": Caching(60)},
        {"sampling": Sampling(temperature=0.7), "caching": Caching(60)},
    ],
    ids=["nobody asked", "switched off", "the model's own temperature", "warm"],
)
async def test_nothing_is_kept_unless_asked_for_or_where_chance_decides(others, gateway, upstream):
    for _ in range(2):
        await gateway.generate(ask("far/echo", **others))
    assert len(upstream.asked) == 2
    assert (await gateway.cache.stats()).stored == 0


async def test_a_warm_answer_is_kept_where_that_is_asked_for(gateway, upstream):
    for _ in range(2):
        await gateway.generate(ask("far/echo", sampling=Sampling(temperature=0.7), caching=Caching(60, sampled=True)))
    assert len(upstream.asked) == 1


async def test_requests_of_two_scopes_share_nothing(gateway, upstream):
    for scope in ("one", "two"):
        await gateway.generate(ask("far/echo", sampling=COLD, caching=Caching(60), scope=scope))
    assert len(upstream.asked) == 2


async def test_an_answer_that_failed_is_not_kept(gateway):
    with pytest.raises(HearthError):
        await streamed(gateway, ask("far/echo+cut=2", **KEPT))
    assert (await gateway.cache.stats()).stored == 0


async def test_an_answer_that_another_model_stood_in_for_is_not_kept(upstream, making, cache):
    gateway = making({"far": provider(upstream, models=("echo",), retries={"attempts": 1})}, cache=cache, last_resort="fake-llm")
    upstream.down = 503
    assert (await gateway.generate(ask("far/echo", **KEPT))).provenance.served_by == "fake-llm"
    upstream.down = None
    assert (await gateway.generate(ask("far/echo", **KEPT))).provenance.served_by == "far/echo"


async def test_an_alias_keeps_answers_as_configured(upstream, making, cache):
    alias = {"models": ["far/echo"], "cache_s": 60}
    gateway = making({"far": provider(upstream, models=("echo",))}, cache=cache, aliases={"smart": alias})
    for _ in range(2):
        await gateway.generate(ask("smart", sampling=COLD))
    await gateway.generate(ask("smart", sampling=COLD, caching=Caching(0)))
    assert len(upstream.asked) == 2


async def test_an_answer_is_forgotten_after_its_time(gateway, upstream):
    asked = ask("far/echo", sampling=COLD, caching=Caching(1))
    async for _ in turns():
        await gateway.generate(asked)
        if len(upstream.asked) == 2:
            return
        await asyncio.sleep(0.1)


async def test_what_cannot_be_read_any_more_is_asked_anew(gateway, upstream, stores, cache):
    asked = ask("far/echo", **KEPT)
    key = cache_key(asked, ["far/echo"])
    await stores.cache.set(f"{cache._prefix}{key}", '{"text": 1}')
    assert (await gateway.generate(asked)).provenance.cached is False


async def test_without_redis_everything_is_asked(upstream, making):
    nowhere = Redis(host="127.0.0.1", port=1)
    gateway = making({"far": provider(upstream, models=("echo",))}, cache=RedisResponseCache(nowhere))
    for _ in range(2):
        await gateway.generate(ask("far/echo", **KEPT))
    assert len(upstream.asked) == 2
    assert await gateway.cache.stats() == CacheStats(0, 0, 0)
    await nowhere.aclose()


@pytest.mark.parametrize(
    "other",
    [
        ask("far/echo", "good evening"),
        ask("far/echo", sampling=COLD),
        ask("far/echo", tools=(WEATHER,)),
        ask("far/echo", scope="somebody else"),
    ],
)
def test_requests_that_differ_in_anything_that_counts_have_other_keys(other):
    assert cache_key(ask("far/echo"), ["far/echo"]) != cache_key(other, ["far/echo"])
