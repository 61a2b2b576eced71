from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from cluster.errors import Overloaded
from deployments.engines.admission import Admission
from deployments.engines.protocols import Occupancy


async def waiting(admission: Admission, count: int) -> list[asyncio.Task[Callable[[], None]]]:
    tasks = [asyncio.create_task(admission.enter()) for _ in range(count)]
    await asyncio.sleep(0)
    return tasks


async def test_as_many_wait_as_may_and_the_next_is_told_when_to_retry():
    admission = Admission("tiny", slots=2, max_queued=1)
    leaves = [await admission.enter() for _ in range(2)]
    (waiter,) = await waiting(admission, 1)
    assert admission.occupancy() == Occupancy(2, 2, 1)
    with pytest.raises(Overloaded, match=r"1 requests already wait for 'tiny'.*retry in 1 s"):
        await admission.enter()
    leaves[0]()
    (await waiter)()
    leaves[1]()
    assert admission.occupancy() == Occupancy(2, 0, 0)


async def test_without_a_queue_every_slot_is_still_given():
    admission = Admission("tiny", slots=2, max_queued=0)
    leaves = [await admission.enter() for _ in range(2)]
    with pytest.raises(Overloaded):
        await admission.enter()
    leaves[0]()
    await admission.enter()


async def test_a_place_that_was_handed_on_keeps_no_newcomer_out():
    admission = Admission("tiny", slots=1, max_queued=1)
    leave = await admission.enter()
    (waiter,) = await waiting(admission, 1)
    leave()  # the place is the waiter's now, which has not run yet
    (newcomer,) = await waiting(admission, 1)
    (await waiter)()
    (await newcomer)()
    assert admission.occupancy() == Occupancy(1, 0, 0)


async def test_a_waiter_that_leaves_makes_room_for_another():
    admission = Admission("tiny", slots=1, max_queued=1)
    leave = await admission.enter()
    (waiter,) = await waiting(admission, 1)
    waiter.cancel()
    await asyncio.gather(waiter, return_exceptions=True)
    (other,) = await waiting(admission, 1)
    leave()
    (await other)()
    assert admission.occupancy() == Occupancy(1, 0, 0)


async def test_more_places_are_given_at_once_and_fewer_when_the_surplus_is_left():
    admission = Admission("tiny", slots=1, max_queued=5)
    leaves = [await admission.enter()]
    (waiter,) = await waiting(admission, 1)
    await admission.resize(2)
    leaves.append(await waiter)
    shrinking = asyncio.create_task(admission.resize(1))
    await asyncio.sleep(0)
    assert (admission.occupancy(), shrinking.done()) == (Occupancy(1, 2, 0), False)
    leaves[0]()
    await shrinking
    (other,) = await waiting(admission, 1)
    assert not other.done(), "one place is taken, and there is no other"
    leaves[1]()
    (await other)()
