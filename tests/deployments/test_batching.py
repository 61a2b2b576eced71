from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.errors import EngineError
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


@settings(max_examples=30, deadline=None)
@given(st.lists(st.lists(st.integers(1, 120), min_size=1, max_size=6), min_size=1, max_size=12))
async def test_every_text_of_every_request_is_answered_once(requests: list[list[int]]) -> None:
    summer = Summer()
    batcher = Batcher(summer, max_tokens=100)
    answers = await asyncio.gather(*(batcher.submit([[1] * length for length in lengths]) for lengths in requests))
    batcher.close()
    assert [answer[:, 0].tolist() for answer in answers] == requests
    assert sum(map(len, summer.batches)) == sum(map(len, requests))
