from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import EngineError, Unavailable
from deployments.batching import Batcher, Vectors


class Summer:
    """Computes the sum of each sequence, and remembers the batches. ``gate``: closed, it holds the thread in its first batch."""

    def __init__(self) -> None:
        self.batches: list[list[list[int]]] = []
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Event()

    def __call__(self, batch: Sequence[Sequence[int]]) -> Vectors:
        self.batches.append([list(one) for one in batch])
        self.entered.set()
        assert self.gate.wait(20)
        if any(-1 in one for one in batch):
            raise EngineError("poison")
        return np.array([[sum(one)] for one in batch], dtype=np.float32)


@pytest.fixture
def summer() -> Summer:
    return Summer()


@pytest.fixture
async def batcher(summer: Summer) -> AsyncIterator[Batcher[list[int]]]:
    made: Batcher[list[int]] = Batcher(summer, max_tokens=100)
    yield made
    summer.gate.set()
    made.close()


async def while_busy(batcher: Batcher[list[int]], summer: Summer, requests: list[list[list[int]]]) -> list[Vectors]:
    """The answers of ``requests`` that all arrive while a first batch is computed."""
    summer.gate.clear()
    first = asyncio.create_task(batcher.submit([[1]]))
    await asyncio.to_thread(summer.entered.wait, 20)
    waiting = [asyncio.create_task(batcher.submit(request)) for request in requests]
    await asyncio.sleep(0)
    summer.gate.set()
    await first
    return await asyncio.gather(*waiting)


async def test_rows_come_back_in_the_order_of_their_request(batcher: Batcher[list[int]]) -> None:
    lengths = [5, 1, 9, 3, 40, 2]
    vectors = await batcher.submit([[1] * length for length in lengths])
    assert vectors[:, 0].tolist() == lengths


async def test_requests_that_wait_are_computed_together(batcher: Batcher[list[int]], summer: Summer) -> None:
    answers = await while_busy(batcher, summer, [[[n]] for n in range(20)])
    assert [answer[0, 0] for answer in answers] == list(range(20))
    assert [len(batch) for batch in summer.batches] == [1, 20]


async def test_a_batch_holds_no_more_tokens_than_allowed_padding_included(batcher: Batcher[list[int]], summer: Summer) -> None:
    await while_busy(batcher, summer, [[[1] * length] for length in (50, 2, 48, 3, 2, 30, 29, 1)])
    for batch in summer.batches:
        assert len(batch) == 1 or len(batch) * max(map(len, batch)) <= 100


async def test_short_texts_are_not_padded_to_a_long_one(batcher: Batcher[list[int]], summer: Summer) -> None:
    await while_busy(batcher, summer, [[[1] * length] for length in (2, 90, 3, 2)])
    assert sorted(sorted(map(len, batch)) for batch in summer.batches[1:]) == [[2, 2, 3], [90]]


async def test_a_sequence_longer_than_a_batch_is_computed_alone(batcher: Batcher[list[int]]) -> None:
    assert (await batcher.submit([[1] * 500]))[0, 0] == 500


async def test_one_request_of_many_texts_does_not_hold_up_a_small_one(batcher: Batcher[list[int]], summer: Summer) -> None:
    big = [[1] * 40 for _ in range(50)]
    await while_busy(batcher, summer, [big, [[7] * 10]])
    place = next(number for number, batch in enumerate(summer.batches) if [7] * 10 in batch)
    assert place <= 2


async def test_a_failure_reaches_those_in_the_batch_and_the_next_batch_runs(batcher: Batcher[list[int]]) -> None:
    with pytest.raises(EngineError, match="poison"):
        await batcher.submit([[-1]])
    assert (await batcher.submit([[2, 3]]))[0, 0] == 5


async def test_a_cancelled_request_is_withdrawn(batcher: Batcher[list[int]], summer: Summer) -> None:
    summer.gate.clear()
    first = asyncio.create_task(batcher.submit([[1]]))
    await asyncio.to_thread(summer.entered.wait, 20)
    second = asyncio.create_task(batcher.submit([[2], [3]]))
    await asyncio.sleep(0)
    assert batcher.queued == 2
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    assert batcher.queued == 0
    summer.gate.set()
    await first
    assert summer.batches == [[[1]]]


class Lanes:
    """Holds each batch until as many are computed at once as ``wanted``."""

    def __init__(self, wanted: int) -> None:
        self._together = threading.Barrier(wanted)

    def __call__(self, batch: Sequence[Sequence[int]]) -> Vectors:
        self._together.wait(20)
        return np.array([[sum(one)] for one in batch], dtype=np.float32)


async def test_as_many_batches_are_computed_at_once_as_there_are_lanes() -> None:
    batcher: Batcher[list[int]] = Batcher(Lanes(3), max_tokens=10, lanes=3)
    vectors = await batcher.submit([[number] * 10 for number in range(6)])
    assert vectors[:, 0].tolist() == [number * 10 for number in range(6)]
    batcher.close()


async def test_what_waits_is_told_of_while_every_lane_is_busy(summer: Summer) -> None:
    batcher: Batcher[list[int]] = Batcher(summer, max_tokens=10, lanes=2)
    summer.gate.clear()
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(batcher.submit([[1] * 10 for _ in range(5)]))
        await asyncio.to_thread(summer.entered.wait, 20)
        assert (batcher.running, batcher.queued) == (2, 3)
        summer.gate.set()
    assert (batcher.running, batcher.queued) == (0, 0)
    batcher.close()


async def test_every_lane_is_prepared_before_it_computes() -> None:
    prepared = set[int]()
    batcher: Batcher[list[int]] = Batcher(Lanes(2), max_tokens=1, prepare=lambda: prepared.add(threading.get_native_id()), lanes=2)
    await batcher.submit([[1], [2]])
    assert len(prepared) == 2
    batcher.close()


async def test_a_lane_that_cannot_be_prepared_is_noticed_at_once() -> None:
    def refuse() -> None:
        raise EngineError("no such priority")

    batcher: Batcher[list[int]] = Batcher(Lanes(1), max_tokens=10, prepare=refuse, lanes=2)
    async with asyncio.timeout(20):
        for _ in range(3):
            with pytest.raises(Exception, match=r"initializer|not running"):
                await batcher.submit([[1] * 10 for _ in range(8)])
    batcher.close()


async def test_whoever_waits_when_the_lanes_are_closed_hears_of_it_and_the_threads_end() -> None:
    before = set(threading.enumerate())
    brief = threading.Event()

    def slowly(batch: Sequence[Sequence[int]]) -> Vectors:
        brief.wait(0.0005)
        return np.array([[sum(one)] for one in batch], dtype=np.float32)

    async with asyncio.timeout(60):
        for at in range(150):
            batcher: Batcher[list[int]] = Batcher(slowly, max_tokens=4, lanes=1 + at % 4)
            asked = [asyncio.create_task(batcher.submit([[number] * 4 for number in range(6)])) for _ in range(3)]
            for _ in range(at % 9):
                await asyncio.sleep(0.0002)
            batcher.close()
            for answer in await asyncio.gather(*asked, return_exceptions=True):
                assert isinstance(answer, Unavailable) or answer[:, 0].tolist() == [0, 4, 8, 12, 16, 20]  # type: ignore[index]
            with pytest.raises(Unavailable, match="not running any more"):
                await batcher.submit([[1]])
    assert {thread for thread in threading.enumerate() if thread.name.startswith("batch")} <= before


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 120), min_size=1, max_size=6), min_size=1, max_size=12), st.integers(1, 4))
async def test_every_text_of_every_request_is_answered_once(requests: list[list[int]], lanes: int) -> None:
    summer = Summer()
    batcher = Batcher(summer, max_tokens=100, lanes=lanes)
    answers = await asyncio.gather(*(batcher.submit([[1] * length for length in lengths]) for lengths in requests))
    batcher.close()
    assert [answer[:, 0].tolist() for answer in answers] == requests
    assert sum(map(len, summer.batches)) == sum(map(len, requests))
