"""A conversation that is deleted while an answer is written in it."""

from __future__ import annotations

import asyncio

from tests.api.fixtures.saying import CHAT, answered, prepare
from tests.patience import PATIENCE_S


async def left_in_redis(stores, *generations: str) -> list[str]:
    ours = [name async for name in stores.cache.scan_iter("hearth:stream*")]
    names = [name for name in ours if any(generation in name for generation in generations)]
    held = [name for name in ours if "token" in name and await stores.cache.type(name) == "string"]
    tokens = [name for name in held if await stores.cache.get(name) in generations]
    open_ = [generation for generation in generations if await stores.cache.sismember("hearth:streams:open", generation)]
    return names + tokens + open_


async def test_a_hard_deletion_ends_the_answer_its_reader_and_every_trace(mira, stranger, stores, gateway):
    gateway.pace_s = 0.02
    conversation = (await mira.new())["id"]
    prepared = await prepare(mira, conversation, content="word " * 3000)
    reading = asyncio.create_task(stranger.get(prepared["stream_url"], timeout=20))
    async with asyncio.timeout(PATIENCE_S):
        while not gateway.opened:  # noqa: ASYNC110 - what is waited for does not know that anybody waits
            await asyncio.sleep(0.01)
    assert (await mira.client.delete(f"{CHAT}/{conversation}", params={"hard_delete": True})).status_code == 200
    async with asyncio.timeout(PATIENCE_S):
        while gateway.closed < gateway.opened:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert '"end"' not in (await reading).text
    await asyncio.sleep(0.3)  # several sweeps
    assert await left_in_redis(stores, prepared["generation_id"]) == []
    assert (await stranger.get(prepared["stream_url"])).status_code == 404


async def test_a_hard_deletion_leaves_nothing_of_answers_that_had_ended(mira, stores):
    conversation = (await mira.new())["id"]
    replies = [(await answered(mira, conversation))["id"] for _ in range(2)]
    assert await left_in_redis(stores, *replies) != []
    await mira.client.delete(f"{CHAT}/{conversation}", params={"hard_delete": True})
    assert await left_in_redis(stores, *replies) == []


async def test_a_soft_deletion_lets_the_answer_be_written(mira, stranger, gateway):
    gateway.pace_s = 0.01
    conversation = (await mira.new())["id"]
    prepared = await prepare(mira, conversation, content="word " * 20)
    await mira.client.delete(f"{CHAT}/{conversation}")
    assert '"complete"' in (await stranger.get(prepared["stream_url"])).text


async def test_nobody_but_the_owner_deletes(mira, person):
    conversation = (await mira.new())["id"]
    other = await person("admin", mira.organisation_id)
    for hard in (True, False):
        assert (await other.client.delete(f"{CHAT}/{conversation}", params={"hard_delete": hard})).status_code == 404
