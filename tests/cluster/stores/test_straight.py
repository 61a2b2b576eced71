"""Statements that are a transaction each, and connections that the server gave up."""

from __future__ import annotations

import asyncio

import psycopg
import pytest

from cluster.settings import Settings
from cluster.stores.away import as_told
from cluster.stores.sql import Database
from cluster.stores.straight import Straight
from cluster.stores.urls import database_url

MINE = "SELECT pg_backend_pid() AS pid, %(text)s::text AS said"


@pytest.fixture
async def straight(store_settings: Settings):
    made = Straight(database_url(store_settings), store_settings.storage, 1)
    yield made
    await made.close()


async def test_the_first_row_comes_back_and_the_connection_is_kept(straight: Straight):
    rows = [await straight.one(MINE, {"text": text}) for text in ("a", "b")]
    assert [row and row["said"] for row in rows] == ["a", "b"]
    assert len({row["pid"] for row in rows if row}) == 1
    assert await straight.one("SELECT 1 WHERE false", {}) is None


async def test_each_statement_is_committed_by_itself(straight: Straight, store_settings: Settings):
    key = 48_999_001
    await straight.one("SELECT pg_advisory_xact_lock(%(key)s)", {"key": key})
    other = Straight(database_url(store_settings), store_settings.storage, 1)
    row = await other.one("SELECT pg_try_advisory_lock(%(key)s) AS free", {"key": key})
    assert row == {"free": True}
    await other.close()


async def test_a_connection_that_the_server_ended_is_not_used_again(straight: Straight, store_settings: Settings):
    first = await straight.one(MINE, {"text": ""})
    assert first is not None
    killer = Straight(database_url(store_settings), store_settings.storage, 1)
    await killer.one("SELECT pg_terminate_backend(%(pid)s, 5000)", {"pid": first["pid"]})
    await killer.close()
    again = await straight.one(MINE, {"text": "still here"})
    assert again is not None
    assert again["said"] == "still here"
    assert again["pid"] != first["pid"]


async def test_more_who_ask_than_connections_wait_for_each_other(straight: Straight):
    rows = await asyncio.gather(*(straight.one(MINE, {"text": str(number)}) for number in range(20)))
    assert [row and row["said"] for row in rows] == [str(number) for number in range(20)]


async def test_a_server_that_is_away_is_told_as_such(tmp_path, store_settings: Settings):
    storage = store_settings.storage.model_copy(update={"pool_timeout_s": 0.5})
    away = Database(f"postgresql+psycopg://nobody@/nothing?host={tmp_path}", storage)
    with pytest.raises(psycopg.Error) as raised:
        await away.straight.one("SELECT 1", {})
    told = as_told(raised.value)
    assert told is not None
    assert "retry" in told.message
    await away.close()
