"""Runs that come after others."""

from __future__ import annotations

from cluster.graphs.following_on import is_under_way
from cluster.graphs.pending import Pending
from cluster.graphs.states import RunState
from tests.cluster.graphs.house import House


async def test_a_run_waits_until_the_one_before_it_is_over(house: House):
    first = await house.add()
    second = await house.add(after_id=first.id)
    third = await house.add(after_id=second.id)
    assert [run.id for run in await house.claims.claim(1, 100)] == [first.id]
    assert await house.claims.claim(1, 100) == []
    await house.claims.end(first.id, 1, RunState.FAILED, error="no")
    assert [run.id for run in await house.claims.claim(1, 100)] == [second.id]
    await house.claims.end(second.id, 1, RunState.SUCCEEDED, output={})
    assert [run.id for run in await house.claims.claim(1, 100)] == [third.id]


async def test_what_waits_for_a_person_is_in_nobody_s_way_and_what_waits_for_a_time_is(house: House):
    first = await house.running()
    second = await house.add(after_id=first.id)
    asked = await house.claims.wait(first.id, 1, [Pending("rest#1", "rest#1", "time")], None)
    assert asked is not None
    assert (asked.state, is_under_way(asked)) == ("waiting", True)
    assert await house.claims.claim(1, 100) == []
    other = await house.running()
    behind = await house.add(after_id=other.id)
    asked = await house.claims.wait(other.id, 1, [Pending("told", "told#1", "human", "How many?")], None)
    assert asked is not None
    assert (asked.state, is_under_way(asked)) == ("waiting", False)
    assert [run.id for run in await house.claims.claim(1, 100)] == [behind.id]
    assert (await house.look(second)).state == "queued"


async def test_a_run_may_begin_later(house: House):
    await house.add(delay_s=3600)
    assert await house.claims.claim(1, 100) == []
