"""Content on three levels: found where it is nearest, gone when its time is over, and never another's."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis.asyncio import Redis
from sqlalchemy import func, select, update

from cluster.content.cache import ContentCache
from cluster.content.pipeline import Processed
from cluster.content.tables import ContentRow
from cluster.errors import NotFound, TooLarge
from cluster.settings import ContentSettings
from tests.api.fixtures.people import add_person


@pytest.fixture
async def person(stores):
    return await add_person(stores)


@pytest.fixture
def cache(stores):
    return lambda **changes: ContentCache(stores.database, changes.pop("redis", stores.cache), ContentSettings(**changes))


async def put(cache: ContentCache, person: Any, words: str = "words", key: str = "k") -> uuid.UUID:
    made = Processed(words.encode(), "text/plain", words, "A title", ("cut",))
    return (await cache.put(person.organisation_id, person.user_id, key, "http://a/", made)).id


async def rows(stores: Any, person: Any) -> int:
    chosen = select(func.count()).select_from(ContentRow).where(ContentRow.organisation_id == person.organisation_id)
    async with stores.database.session() as session:
        return int(await session.scalar(chosen) or 0)


async def test_each_level_keeps_what_the_next_one_had(cache, person):
    first, second = cache(), cache()
    content_id = await put(first, person)
    found = [await first.get(person.organisation_id, content_id) for _ in range(2)]
    assert (found[0].body, found[0].text, found[0].title, found[0].cautions) == (b"words", "words", "A title", ("cut",))
    assert first.found == {"database": 1, "memory": 1}
    assert await second.get(person.organisation_id, content_id) == found[0]
    assert second.found == {"redis": 1}


async def test_what_is_too_large_for_a_level_is_kept_by_the_next(cache, person):
    small = cache(memory_bytes=0, redis_item_bytes=0)
    content_id = await put(small, person)
    for _ in range(2):
        await small.get(person.organisation_id, content_id)
    assert small.found == {"database": 2}
    with pytest.raises(TooLarge, match=r"content\.item_bytes"):
        await put(cache(item_bytes=1024), person, "a" * 2000)


async def test_memory_holds_no_more_than_it_may(cache, person):
    small = cache(memory_bytes=5000)
    ids = [await put(small, person, str(number) * 500, str(number)) for number in range(4)]
    for content_id in ids:
        await small.get(person.organisation_id, content_id)
    await small.get(person.organisation_id, ids[0])
    assert small.found["memory"] == 0


async def test_another_organisation_finds_nothing_on_any_level(cache, person, stores):
    other, shared = await add_person(stores), cache()
    content_id = await put(shared, person)
    await shared.get(person.organisation_id, content_id)
    for asked in (shared, cache()):
        with pytest.raises(NotFound):
            await asked.get(other.organisation_id, content_id)


async def test_what_has_expired_is_gone_on_every_level_and_then_removed(cache, person, stores):
    warm = cache()
    content_id = await put(warm, person)
    await warm.get(person.organisation_id, content_id)
    past = datetime.now(UTC) - timedelta(seconds=1)
    async with stores.database.session() as session:
        await session.execute(update(ContentRow).where(ContentRow.id == content_id).values(expires_at=past))
    await stores.cache.delete(f"content:{person.organisation_id}:{content_id}")
    with pytest.raises(NotFound):
        await cache().get(person.organisation_id, content_id)
    assert await warm.sweep() >= 1
    assert await rows(stores, person) == 0


async def test_the_same_content_is_kept_once_and_for_longer_another_beside_it(cache, person, stores):
    shared = cache()
    first = await put(shared, person)
    assert await put(shared, person) == first
    assert await put(shared, person, "other words") != first
    assert await put(shared, person, key="other") != first
    assert await rows(stores, person) == 3


async def test_reads_are_counted_also_of_what_memory_has(cache, person):
    shared = cache()
    content_id = await put(shared, person)
    for _ in range(3):
        await shared.get(person.organisation_id, content_id)
    assert (await shared.reads(person.organisation_id, content_id))[0] == 3
    await shared.flush()
    count, when = await cache().reads(person.organisation_id, content_id)
    assert count == 3
    assert when is not None


async def test_an_organisation_over_its_share_loses_what_was_not_read_for_longest(cache, person, stores):
    small = cache(organisation_bytes=1024)
    ids = [await put(small, person, letter * 400, letter) for letter in "abc"]
    for number, content_id in enumerate(ids):
        when = datetime.now(UTC) - timedelta(hours=number)
        async with stores.database.session() as session:
            await session.execute(update(ContentRow).where(ContentRow.id == content_id).values(read_at=when))
    assert await small.sweep() >= 1  # those of other tests may go too
    with pytest.raises(NotFound):
        await cache().get(person.organisation_id, ids[2])
    assert await rows(stores, person) == 2


async def test_without_redis_the_database_answers(cache, person):
    nowhere = Redis(host="127.0.0.1", port=1, socket_connect_timeout=0.2)
    alone = cache(redis=nowhere)
    content_id = await put(alone, person)
    async with asyncio.timeout(30):
        assert (await alone.get(person.organisation_id, content_id)).body == b"words"
    await nowhere.aclose()


async def test_reads_that_could_not_be_written_down_are_written_the_next_time(cache, person, stores):
    shared = cache()
    content_id = await put(shared, person)
    await shared.get(person.organisation_id, content_id)
    async with stores.database.session() as session:
        await session.execute(select(ContentRow.id).where(ContentRow.id == content_id).with_for_update())
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(shared.flush(), 0.2)
    await shared.flush()
    await shared.flush()
    assert (await shared.reads(person.organisation_id, content_id))[0] == 1
    assert (await cache().reads(person.organisation_id, content_id))[0] == 1
