"""Checkpoints: LangGraph's saver on our database, and what people do with what it kept."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from typing import Annotated, Any, TypedDict

import pytest
from langgraph.checkpoint.conformance import checkpointer_test, validate
from langgraph.checkpoint.conformance.capabilities import ALL_CAPABILITIES
from langgraph.checkpoint.postgres.base import MIGRATIONS
from langgraph.graph import END, START, StateGraph

from cluster.errors import NotFound
from cluster.graphs.checkpoint_tables import VERSION
from cluster.graphs.checkpoints import Checkpoints
from cluster.graphs.saver import strict
from cluster.graphs.states import RunState
from tests.cluster.graphs.house import House


@pytest.fixture
async def checkpoints(house: House) -> AsyncIterator[Checkpoints]:
    kept = Checkpoints(house.settings)
    await kept.open()
    yield kept
    await kept.close()


async def test_the_saver_does_all_that_langgraph_asks_of_one(checkpoints: Checkpoints):
    @checkpointer_test(name="hearth")
    async def ours():
        yield checkpoints.saver()

    report = await validate(ours)
    assert {name: result.failures for name, result in report.results.items() if not result.passed} == {}
    assert set(report.results) == {one.value for one in ALL_CAPABILITIES}
    assert all(result.tests_passed for result in report.results.values()), "none was skipped"


async def test_the_savers_own_migrations_find_nothing_to_do(house: House, checkpoints: Checkpoints):
    assert len(MIGRATIONS) - 1 == VERSION, "langgraph-checkpoint-postgres has new migrations: write one of ours that does the same"
    before = await house.execute("SELECT v FROM checkpoint_migrations ORDER BY v")
    await checkpoints.saver().setup()
    assert await house.execute("SELECT v FROM checkpoint_migrations ORDER BY v") == before == [(number,) for number in range(VERSION + 1)]


class Harmful:
    """A class that nobody may be made to build."""


async def test_nothing_but_values_is_kept_or_comes_back():
    serializer = strict()
    for value in ({"a": [1, None, "x", 2.5]}, "text", True, None):
        assert serializer.loads_typed(serializer.dumps_typed(value)) == value
    with pytest.raises(TypeError):
        serializer.dumps_typed(Harmful())
    with pytest.raises(NotImplementedError):
        serializer.loads_typed(("pickle", b"\x80\x04N."))


def _latest(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    return old | new


def _added(old: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    def more(node: str) -> dict[str, int]:
        return {source: count + old.get(node, {}).get(source, 0) for source, count in new[node].items()}

    return old | {node: old.get(node, {}) | more(node) for node in new}


class State(TypedDict):
    values: Annotated[dict[str, Any], _latest]
    visits: Annotated[dict[str, int], _latest]
    given: Annotated[dict[str, Any], _added]
    taken: Annotated[dict[str, Any], _latest]


def _node(name: str, following: str | None):
    async def run(state: State) -> dict[str, Any]:
        number = state["visits"].get(name, 0) + 1
        given = {following: {name: 1}} if following else {}
        return {"values": {name: [number]}, "visits": {name: number}, "given": given, "taken": {name: state["given"][name]}}

    return run


def three_nodes(checkpoints: Checkpoints):
    """One after the other."""
    builder = StateGraph(State)
    for name, following in (("a", "b"), ("b", "c"), ("c", None)):
        builder.add_node(name, _node(name, following))
    for one, other in ((START, "a"), ("a", "b"), ("b", "c"), ("c", END)):
        builder.add_edge(one, other)
    return builder.compile(checkpointer=checkpoints.saver())


async def walk(checkpoints: Checkpoints, thread: uuid.UUID, times: int = 1) -> None:
    for _ in range(times):
        begin = {"values": {}, "visits": {}, "given": {"a": {"": 1}}, "taken": {}}
        await three_nodes(checkpoints).ainvoke(begin, {"configurable": {"thread_id": str(thread)}})


async def count(house: House, thread: uuid.UUID) -> list[int]:
    tables = ("checkpoints", "checkpoint_blobs", "checkpoint_writes")
    counted = [f"(SELECT count(*) FROM {table} WHERE thread_id = :thread)" for table in tables]
    (numbers,) = await house.execute(f"SELECT {', '.join(counted)}", thread=str(thread))
    return list(numbers)


async def test_the_history_tells_what_was_known_and_what_was_to_come(checkpoints: Checkpoints):
    thread = uuid.uuid4()
    await walk(checkpoints, thread)
    moments = await checkpoints.history(thread, 10)
    assert [(dict(one.values), dict(one.visits), set(one.coming)) for one in moments] == [
        ({"a": [1], "b": [1], "c": [1]}, {"a": 1, "b": 1, "c": 1}, set()),
        ({"a": [1], "b": [1]}, {"a": 1, "b": 1}, {"c"}),
        ({"a": [1]}, {"a": 1}, {"b"}),
        ({}, {}, {"a"}),
        ({}, {}, set()),
    ]
    assert [one.step for one in moments] == [3, 2, 1, 0, -1]
    page = await checkpoints.history(thread, 2, before=moments[1].id)
    assert [one.id for one in page] == [moments[2].id, moments[3].id]
    assert (await checkpoints.at(thread, moments[2].id)) == moments[2]
    with pytest.raises(NotFound):
        await checkpoints.at(thread, "nothing")


async def test_the_moment_before_a_node_is_found(checkpoints: Checkpoints):
    thread = uuid.uuid4()
    await walk(checkpoints, thread)
    assert dict((await checkpoints.before(thread, "b")).visits) == {"a": 1}
    with pytest.raises(NotFound, match="'nobody'"):
        await checkpoints.before(thread, "nobody")


async def test_a_fork_goes_on_from_a_moment_with_other_values(checkpoints: Checkpoints):
    thread, other = uuid.uuid4(), uuid.uuid4()
    await walk(checkpoints, thread)
    then = await checkpoints.before(thread, "b")
    forked = await checkpoints.fork(thread, then.id, other, {"a": ["another"], "more": 1})
    assert forked.values == {"a": ["another"], "more": 1}
    assert (forked.visits, forked.coming) == ({"a": 1}, frozenset({"b"}))
    ended = await three_nodes(checkpoints).ainvoke(None, {"configurable": {"thread_id": str(other)}})
    assert ended["values"] == {"a": ["another"], "more": 1, "b": [1], "c": [1]}
    assert len(await checkpoints.history(thread, 10)) == 5, "the old thread is as it was"
    with pytest.raises(NotFound):
        await checkpoints.fork(thread, "nothing", uuid.uuid4(), {})


async def test_only_the_latest_checkpoints_are_kept_and_they_are_whole(house: House):
    tight = house.limited(checkpoints=2)
    checkpoints, thread, other = Checkpoints(tight.settings), uuid.uuid4(), uuid.uuid4()
    await checkpoints.open()
    await walk(checkpoints, thread, times=3)
    await walk(checkpoints, other)
    before, others = await checkpoints.history(thread, 2), await count(house, other)
    await checkpoints.prune(thread)
    assert await checkpoints.history(thread, 100) == before
    rows, blobs, writes = await count(house, thread)
    assert rows == 2
    unused = """SELECT count(*) FROM checkpoint_blobs b WHERE thread_id = :thread AND NOT EXISTS (
        SELECT FROM checkpoints c WHERE c.thread_id = b.thread_id AND c.checkpoint -> 'channel_versions' ->> b.channel = b.version)"""
    assert await house.execute(unused, thread=str(thread)) == [(0,)]
    lone = """SELECT count(*) FROM checkpoint_writes w WHERE thread_id = :thread AND NOT EXISTS (
        SELECT FROM checkpoints c WHERE c.thread_id = w.thread_id AND c.checkpoint_id = w.checkpoint_id)"""
    assert await house.execute(lone, thread=str(thread)) == [(0,)]
    assert min(blobs, writes) > 0
    assert await count(house, other) == others
    await checkpoints.close()


async def test_checkpoints_go_with_their_thread_a_while_after_its_run_and_when_it_is_nobodys(house: House, checkpoints: Checkpoints):
    old, new, lone, fresh = await house.running(), await house.running(), uuid.uuid4(), uuid.uuid4()
    for thread in (old.thread, new.thread, lone, fresh):
        await walk(checkpoints, thread)
    for run in (old, new):
        await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
    days = house.graphs.checkpoint_days + 1
    await house.execute("UPDATE graph_runs SET finished_at = now() - make_interval(days => :days) WHERE id = :id", days=days, id=old.id)
    past = "UPDATE checkpoints SET checkpoint = jsonb_set(checkpoint, '{ts}', '\"2020-01-01T00:00:00+00:00\"') WHERE thread_id = :thread"
    await house.execute(past, thread=str(lone))
    assert await checkpoints.remove_lapsed() == 2
    assert await count(house, old.thread) == await count(house, lone) == [0, 0, 0]
    for thread in (new.thread, fresh):
        assert (await count(house, thread))[0] == 5
    await checkpoints.delete(new.thread, fresh)
    assert await count(house, new.thread) == await count(house, fresh) == [0, 0, 0]
    assert await checkpoints.remove_lapsed() == 0


async def test_a_long_run_keeps_no_more_than_the_latest_and_a_few(house: House):
    checkpoints, thread = Checkpoints(house.limited(checkpoints=4).settings), uuid.uuid4()
    await checkpoints.open()
    graph = three_nodes(checkpoints)
    for _ in range(5):
        begin = {"values": {}, "visits": {}, "given": {"a": {"": 1}}, "taken": {}}
        ended = await graph.ainvoke(begin, {"configurable": {"thread_id": str(thread)}})
        assert (await count(house, thread))[0] <= 5
    assert ended["values"] == {"a": [5], "b": [5], "c": [5]}
    assert (await checkpoints.history(thread, 1))[0].visits == {"a": 5, "b": 5, "c": 5}
    await checkpoints.close()
