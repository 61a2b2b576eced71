"""When a request of a batch goes, and when others go first."""

from __future__ import annotations

import asyncio

from cluster.settings import BatchSettings
from pipelines.batch.pace import ModelLoad, Pace, others_ask
from tests.patience import PATIENCE_S


def load(model: str = "llm", device: str = "cpu", ongoing: int = 0, queued: int = 0) -> ModelLoad:
    return ModelLoad(model, device, ongoing, queued)


def test_nobody_asks():
    assert not others_ask([load(), load("clip")], "llm", 0)


def test_somebody_asks_the_model_or_waits_for_it():
    assert others_ask([load(ongoing=1)], "llm", 0)
    assert others_ask([load(queued=1)], "llm", 0)


def test_our_own_requests_are_nobody_else_s():
    assert not others_ask([load(ongoing=2)], "llm", 2)
    assert others_ask([load(ongoing=2, queued=1)], "llm", 2)


def test_an_adapter_is_its_model():
    assert others_ask([load(ongoing=1)], "llm:pirate", 0)


def test_a_model_that_waits_for_the_same_card_goes_first():
    assert others_ask([load(), load("clip", queued=1)], "llm", 0)
    assert not others_ask([load(device="gpu-0"), load("clip", "gpu-1", queued=1)], "llm", 0)


def test_nothing_is_known_of_a_provider_s_model():
    assert not others_ask([load(ongoing=9)], "far/echo", 0)
    assert not others_ask([], "llm", 0)


async def test_a_request_waits_until_others_are_done():
    looks = [[load(ongoing=1)], [load(ongoing=1)], [load()]]
    left = list(looks)

    async def look():
        return left.pop(0)

    await Pace(look, BatchSettings(look_s=0.01, yield_s=60)).turn("llm")
    assert left == []


async def test_a_request_goes_in_the_end_where_it_is_never_quiet():
    async def look():
        return [load(ongoing=1)]

    async with asyncio.timeout(PATIENCE_S):
        await Pace(look, BatchSettings(look_s=0.01, yield_s=0.05)).turn("llm")


async def test_a_request_of_ours_that_has_just_ended_may_still_be_counted():
    looked = 0

    async def look():
        nonlocal looked
        looked += 1
        return [load(ongoing=1)]

    pace = Pace(look, BatchSettings(look_s=0.01, yield_s=3600, concurrency=2))
    pace.begin()
    pace.end()
    await pace.turn("llm")
    assert looked == 1
