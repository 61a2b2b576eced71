from __future__ import annotations

import psycopg

from cluster.bench.agents import SCHEMA, BareLangGraph, BareSpec, tables_apart
from cluster.bench.chains import ChainJob
from cluster.settings import Settings
from cluster.stores.urls import database_url


def count(settings: Settings, sql: str) -> int:
    with psycopg.connect(database_url(settings).replace("+psycopg", "", 1)) as database:
        row = database.execute(sql.encode()).fetchone()
    assert row is not None
    return int(row[0])


def test_the_bare_script_runs_chains_in_tables_of_its_own_that_are_gone_afterwards(store_settings: Settings):
    with tables_apart(store_settings) as database:
        with BareLangGraph(BareSpec(database=database, connections=2)) as bare:
            one = bare.chains(ChainJob(nodes=1, runs=2))
            many = bare.chains(ChainJob(nodes=4, runs=6, at_once=3))
        threads = count(store_settings, f"SELECT count(DISTINCT thread_id) FROM {SCHEMA}.checkpoints")
        checkpoints = count(store_settings, f"SELECT count(*) FROM {SCHEMA}.checkpoints")
    assert (len(one.under_way_ms), one.peak, one.errors) == (2, 1, ())
    assert (len(many.under_way_ms), many.errors) == (6, ())
    assert 2 <= many.peak <= 3
    assert threads == 8
    assert checkpoints == 2 * 3 + 6 * 6, "one for the input, one for the start, one for each node"
    assert count(store_settings, f"SELECT count(*) FROM pg_namespace WHERE nspname = '{SCHEMA}'") == 0
