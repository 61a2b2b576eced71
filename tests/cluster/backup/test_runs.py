"""Runs of graphs that were under way when the backup was made."""

from __future__ import annotations

import asyncio
import uuid

from cluster.backup.create import backup
from cluster.backup.restore import restore
from cluster.graphs.claims import Claims
from cluster.graphs.table import GraphRun
from cluster.home import Home
from cluster.settings import Settings
from cluster.stores.sql import Database
from cluster.stores.urls import database_url
from tests.cluster.backup.conftest import ORGANISATION, Place, opened

WORKER = 2**61 + 5


async def carried_on(settings: Settings) -> list[GraphRun]:
    """What a runner does first."""
    database = Database(database_url(settings), settings.storage)
    claims = Claims(database, settings.graphs)
    try:
        await claims.take_over()
        return list(await claims.claim(1, 10))
    finally:
        await database.close()


def under_way(place: Place, run: uuid.UUID, thread: uuid.UUID) -> None:
    user = uuid.uuid4()
    place.rows("INSERT INTO users (id, email, name) VALUES (%s, %s, 'Somebody')", user, f"{user.hex}@example.org")
    place.rows(
        "INSERT INTO graph_runs (id, organisation_id, owner_id, graph, version, spec, input, limits, thread, state, attempt, worker)"
        " VALUES (%s, %s, %s, 'letters', 1, '{}', '{}', '{}', %s, 'running', 1, %s)",
        *(run, ORGANISATION, user, thread, WORKER),
    )
    place.rows("INSERT INTO graph_steps (id, run_id, key, node, kind, state) VALUES (%s, %s, 'a#1', 'a', 'llm', 'succeeded')", run, run)
    place.rows("INSERT INTO checkpoints (thread_id, checkpoint_id, checkpoint) VALUES (%s, '1', '{}')", str(thread))


def test_a_run_goes_on_where_it_was_after_a_restore(lived_in, empty, tmp_path):
    run, thread = uuid.uuid4(), uuid.uuid4()
    under_way(lived_in, run, thread)
    with lived_in.connect() as process:
        process.execute("SELECT pg_advisory_lock(%s)", (WORKER,))
        made = backup(lived_in.home, lived_in.settings, tmp_path / "made.tar.gz")
        assert asyncio.run(carried_on(lived_in.settings)) == [], "here its process lives"
    lived_in.rows("DELETE FROM graph_runs")
    lived_in.rows("DELETE FROM checkpoints")
    restore(made.file, Home(empty.home), empty)
    with opened(empty) as new:
        (again,) = asyncio.run(carried_on(new.settings))
        assert (again.id, again.attempt, again.state) == (run, 2, "running")
        assert new.rows("SELECT key FROM graph_steps WHERE run_id = %s", run) == [("a#1",)]
        assert new.rows("SELECT checkpoint_id FROM checkpoints WHERE thread_id = %s", str(thread)) == [("1",)]
