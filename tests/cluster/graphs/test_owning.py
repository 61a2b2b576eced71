"""The lock that says that a process lives."""

from __future__ import annotations

import asyncio

import pytest

from cluster.errors import Unavailable
from cluster.graphs.owning import Ownership
from tests.cluster.graphs.house import House
from tests.patience import PATIENCE_S

BACKEND = """SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted AND (classid::bigint << 32 | objid::bigint) = :worker"""


async def test_a_process_is_alive_as_long_as_it_holds_its_lock(house: House):
    async with house.process() as one, house.process() as other:
        assert one.worker != other.worker
        assert await house.alive(one.worker)
        await other.stop()
        await house.until_gone(other.worker)
        assert await house.alive(one.worker)
        assert not one.lost.is_set()
    assert not await house.alive(one.worker)


async def test_a_number_that_nobody_holds_is_not_alive(house: House):
    assert not await house.alive(1)
    assert not await house.alive(2**62)


async def test_a_process_notices_at_once_that_its_connection_was_closed(house: House):
    async with house.process() as process:
        run = await house.running(process.worker)
        ((pid,),) = await house.execute(BACKEND, worker=process.worker)
        await house.execute("SELECT pg_terminate_backend(:pid)", pid=pid)
        async with asyncio.timeout(PATIENCE_S):
            await process.lost.wait()
        assert await house.claims.take_over() == [run.id]


async def test_a_database_that_does_not_answer_is_said(house: House, tmp_path):
    nowhere = tmp_path / "database.url"
    nowhere.touch(mode=0o600)
    nowhere.write_text(f"postgresql+psycopg://hearth@/hearth?host={tmp_path}")
    storage = house.settings.storage.model_copy(update={"database_url_file": nowhere})
    ownership = Ownership(house.settings.model_copy(update={"storage": storage}))
    with pytest.raises(Unavailable, match="does not answer"):
        await ownership.start()
    assert not ownership.lost.is_set()
