"""What models say, live: bounded, in order, and nobody waits for it."""

from __future__ import annotations

import asyncio
import time
import uuid

from redis.asyncio import Redis

from cluster.graphs.live import MOST_CHARS, LiveEars, LiveVoice, Piece, Pieces
from cluster.stores.clients import StoreClients
from tests.patience import PATIENCE_S


async def heard(pieces: Pieces, until: str) -> str:
    """Everything said, as soon as it ends with ``until``."""
    text = ""
    async with asyncio.timeout(PATIENCE_S):
        while not text.endswith(until):
            await pieces.changed.wait()
            text += "".join(piece.text for piece in pieces.take())
    return text


async def ready(cache: Redis) -> None:
    """Returns when somebody listens."""
    async with asyncio.timeout(PATIENCE_S):
        while not await cache.pubsub_numpat():  # noqa: ASYNC110 - what is waited for is in Redis
            await asyncio.sleep(0.01)


async def test_whoever_follows_a_run_hears_it_and_no_other(stores: StoreClients):
    ears, voice, run, other = LiveEars(stores.cache), LiveVoice(stores.cache), uuid.uuid4(), uuid.uuid4()
    async with ears.listening(run) as one, ears.listening(run) as two, ears.listening(other) as third:
        await ready(stores.cache)
        for number in range(100):
            await voice.say(run, "a", f"{number} ")
            await voice.say(other, "b", "x")
        await voice.say(run, "a", "end")
        expected = "".join(f"{number} " for number in range(100)) + "end"
        assert await heard(one, "end") == await heard(two, "end") == expected
        assert await heard(third, "x" * 100) == "x" * 100
    await voice.close()


async def test_a_new_event_wakes_whoever_follows(stores: StoreClients):
    ears, voice, run = LiveEars(stores.cache), LiveVoice(stores.cache), uuid.uuid4()
    async with ears.listening(run) as pieces:
        await ready(stores.cache)
        voice.look(run)
        async with asyncio.timeout(PATIENCE_S):
            await pieces.changed.wait()
        assert pieces.take() == []
    await voice.close()


async def test_nobody_listens_in_vain(stores: StoreClients):
    ears = LiveEars(stores.cache)
    for _ in range(3):
        async with ears.listening(uuid.uuid4()), ears.listening(uuid.uuid4()):
            await ready(stores.cache)
        async with asyncio.timeout(PATIENCE_S):
            while await stores.cache.pubsub_numpat():  # noqa: ASYNC110 - what is waited for is in Redis
                await asyncio.sleep(0.01)


async def test_nobody_waits_for_a_cache_that_is_away(tmp_path):
    cache: Redis = Redis(unix_socket_path=str(tmp_path / "nothing"), decode_responses=True)
    ears, voice, run = LiveEars(cache), LiveVoice(cache), uuid.uuid4()
    began = time.monotonic()
    async with ears.listening(run) as pieces:
        for _ in range(1000):
            await voice.say(run, "a", "x" * 1000)
            voice.look(run)
        assert time.monotonic() - began < 1
        assert pieces.take() == []
    await voice.close()
    await cache.aclose()


def test_pieces_of_one_node_become_one_and_the_order_of_nodes_stays():
    pieces = Pieces()
    for node, text in (("a", "1"), ("a", "2"), ("b", "3"), ("a", "4")):
        pieces.put(node, text)
    assert pieces.take() == [Piece("a", "12"), Piece("b", "3"), Piece("a", "4")]
    assert pieces.take() == []


def test_a_reader_that_is_too_slow_is_told_that_it_missed_something():
    pieces = Pieces()
    for _ in range(1000):
        pieces.put("a", "x" * 1000)
    taken = pieces.take()
    assert sum(len(piece.text) for piece in taken) <= MOST_CHARS
    assert taken[0].missed
    assert not any(piece.missed for piece in taken[1:])
    pieces.put("a", "more")
    assert pieces.take() == [Piece("a", "more")]


def test_what_was_lost_on_the_way_is_told_with_the_next_piece():
    waiting, empty = Pieces(), Pieces()
    waiting.put("a", "1")
    waiting.lose()
    empty.lose()
    empty.put("a", "1")
    assert waiting.take() == empty.take() == [Piece("a", "1", missed=True)]


def test_a_text_that_is_too_long_at_once_is_missed_as_a_whole():
    pieces = Pieces()
    pieces.put("a", "x" * (MOST_CHARS + 1))
    assert pieces.take() == [Piece("a", "", missed=True)]


async def test_once_it_is_ready_nothing_is_missed_and_once_it_is_closed_nothing_is_held(stores: StoreClients):
    ears, voice = LiveEars(stores.cache), LiveVoice(stores.cache)
    for _ in range(5):
        run = uuid.uuid4()
        async with ears.listening(run) as pieces:
            await ears.ready()
            await voice.say(run, "a", "the first word")
            assert await heard(pieces, "word") == "the first word"
    await ears.close()
    assert await stores.cache.pubsub_numpat() == 0
    await voice.close()
