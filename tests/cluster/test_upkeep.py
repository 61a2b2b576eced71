"""What runs beside requests goes on, whatever goes wrong in it."""

from __future__ import annotations

import asyncio

import pytest
from redis.exceptions import ConnectionError as RedisAway

from cluster.errors import Unavailable
from cluster.upkeep import Upkeep
from tests.patience import PATIENCE_S


@pytest.mark.parametrize("trouble", [Unavailable("The index is away (retry in 1 s)."), RedisAway(), OSError(), KeyError("a mistake")])
async def test_it_is_done_again_after_it_failed(trouble: Exception):
    calls, again = 0, asyncio.Event()

    async def do() -> None:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise trouble
        again.set()

    upkeep = Upkeep("trying", 0.01, do)
    upkeep.start()
    async with asyncio.timeout(PATIENCE_S):
        await again.wait()
    await upkeep.stop()


async def test_when_it_is_stopped_what_is_under_way_ends_and_nothing_follows():
    begun, ended, calls = asyncio.Event(), False, 0

    async def do() -> None:
        nonlocal ended, calls
        calls += 1
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended = True

    upkeep = Upkeep("waiting", 0, do)
    upkeep.start()
    await begun.wait()
    await upkeep.stop()
    await asyncio.sleep(0.05)
    assert (ended, calls) == (True, 1)


async def test_what_was_never_started_can_be_stopped():
    async def do() -> None:
        raise AssertionError

    await Upkeep("nothing", 1, do).stop()
