"""A database that cannot write: a run fails with what to do about it, and a retry finds everything that was done."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import text

from cluster.graphs.table import GraphRun
from tests.deployments.agents.place import Place

COUNTS = """
nodes:
  hens: {kind: tool, tool: counter_add, arguments: {name: hens, by: 2}, then: geese}
  geese: {kind: tool, tool: counter_add, arguments: {name: geese, by: 3}, then: sum}
  sum: {kind: transform, value: state.hens.count + state.geese.count}
"""
FULL, REFUSED = "53100", "42501"
# Checkpoints behind the first node; results of steps.
CHECKPOINTS = ("checkpoints", "INSERT", "NEW.thread_id = '{run.thread}' AND (NEW.metadata ->> 'step')::int >= 1")
RESULTS = ("graph_steps", "UPDATE", "NEW.run_id = '{run.id}' AND NEW.state = 'succeeded'")


@asynccontextmanager
async def refusing(place: Place, run: GraphRun, where: tuple[str, str, str], code: str) -> AsyncIterator[None]:
    """PostgreSQL refuses these writes of one run, with the error ``code``, as it would on a disk without room."""
    table, change, when = where
    name = f"refuse_{uuid.uuid4().hex}"
    begin = (
        f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = '{code}'; END $$",
        f"CREATE TRIGGER {name} BEFORE {change} ON {table} FOR EACH ROW WHEN ({when.format(run=run)}) EXECUTE FUNCTION {name}()",
    )
    await _execute(place, *begin)
    try:
        yield
    finally:
        await _execute(place, f"DROP TRIGGER {name} ON {table}", f"DROP FUNCTION {name}()")


async def _execute(place: Place, *statements: str) -> None:
    async with place.stores.database.session() as session:
        for statement in statements:
            await session.execute(text(statement))


async def run_while_refusing(place: Place, graph: str, where: tuple[str, str, str], code: str) -> GraphRun:
    queued = await place.add(graph)
    async with refusing(place, queued, where, code), place.runner():
        return await place.settled(queued)


async def retried(place: Place, run: GraphRun) -> GraphRun:
    await place.act("retry", run)
    async with place.runner():
        return await place.until(run, lambda row: row.state in {"succeeded", "failed"})


@pytest.mark.parametrize("where", [CHECKPOINTS, RESULTS], ids=["checkpoints", "results"])
async def test_a_full_disk_fails_a_run_with_what_to_do_and_a_retry_does_nothing_twice(place: Place, where: tuple[str, str, str]) -> None:
    failed = await run_while_refusing(place, COUNTS, where, FULL)

    assert failed.state == "failed"
    assert failed.error == "The database has no room left on its disk. Make room and retry the run: what was done is kept."
    assert place.tools.counters == {"hens": 2}

    run = await retried(place, failed)

    assert (run.state, run.output) == ("succeeded", {"state": {"hens": {"count": 2}, "geese": {"count": 3}, "sum": 5}}), run.error
    assert place.tools.counters == {"hens": 2, "geese": 3}
    # With the same key, by which whoever carries it out knows it again; what was written down is not even called.
    called = [name["name"] for _, name, _ in place.tools.calls]
    assert called == (["hens", "geese"] if where is CHECKPOINTS else ["hens", "hens", "geese"])
    assert len({caller.key for _, _, caller in place.tools.calls}) == 2


async def test_what_cannot_be_done_twice_is_not_repeated_where_its_result_could_not_be_written(place: Place) -> None:
    graph = "nodes: {mail: {kind: tool, tool: mail_send, arguments: {to: Mira}, approve: false}}"
    failed = await run_while_refusing(place, graph, RESULTS, FULL)
    assert place.tools.sent == ["Mira"]

    told = await retried(place, failed)

    assert told.state == "failed"
    assert "Nobody knows whether the tool 'mail_send' did what it was called for" in str(told.error)
    assert place.tools.sent == ["Mira"]
    assert (await retried(place, told)).state == "succeeded", "a person who was told says that it may be"
    assert place.tools.sent == ["Mira", "Mira"]


async def test_writes_that_are_refused_for_good_fail_a_run_and_say_so(place: Place) -> None:
    failed = await run_while_refusing(place, COUNTS, CHECKPOINTS, REFUSED)

    assert failed.state == "failed"
    assert str(failed.error).startswith("The run failed: ")
    assert (await retried(place, failed)).state == "succeeded"
    assert place.tools.counters == {"hens": 2, "geese": 3}
