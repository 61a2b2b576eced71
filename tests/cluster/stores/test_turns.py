"""Whose turn it is: asked of jobs, which any queue is like."""

from __future__ import annotations

from cluster.jobs.table import Job
from cluster.stores.clients import StoreClients
from cluster.stores.turns import next_ones
from tests.cluster.jobs.conftest import house  # noqa: F401 - a fixture
from tests.cluster.jobs.house import House


async def turns(house: House, free: int, each: int, limited=None) -> list[str]:  # noqa: F811
    async with house.database.session() as session:
        return [str(row) for row in await next_ones(session, Job, free, each, limited)]


async def test_priority_comes_before_age_and_nobody_has_more_than_his_share(house: House, stores: StoreClients):  # noqa: F811
    other = await house.neighbour()
    mine = [await house.add(), await house.add(), await house.add(priority=1)]
    theirs = await other.add(priority=-1)
    assert await turns(house, 10, 2) == [str(mine[2].id), str(mine[0].id), str(theirs.id)]
    assert await turns(house, 2, 2) == [str(mine[2].id), str(mine[0].id)]
    assert await turns(house, 0, 2) == []


async def test_rows_that_are_not_limited_take_no_place_and_need_none(house: House, stores: StoreClients):  # noqa: F811
    mine = [await house.add(), await house.add(priority=1), await house.add()]
    assert await turns(house, 10, 1, Job.priority == 0) == [str(mine[1].id), str(mine[0].id)]
