from __future__ import annotations

import uuid

from sqlalchemy import text

from tests.deployments.agents.place import Place

FRAGILE = """
nodes:
  a: {kind: tool, tool: counter_add, arguments: {name: a, by: 1}, then: b}
  b: {kind: tool, tool: echo, arguments: {text: hello}, retry: {attempts: 1}, then: c}
  c: {kind: tool, tool: counter_add, arguments: {name: c, by: 1}}
"""


async def test_a_retry_goes_on_at_the_node_that_failed(place: Place) -> None:
    place.tools.failures["echo"] = 1
    failed = await place.run(FRAGILE)
    assert (failed.state, failed.failed_node) == ("failed", "b")

    await place.act("retry", failed)
    async with place.runner():
        run = await place.until(failed, lambda row: row.state == "succeeded")

    assert [name for name, _, _ in place.tools.calls] == ["counter_add", "echo", "echo", "counter_add"]
    assert place.tools.counters == {"a": 1, "c": 1}
    assert run.error is None


async def test_a_retry_from_a_checkpoint_does_everything_behind_it_again(place: Place) -> None:
    place.tools.failures["echo"] = 1
    failed = await place.run(FRAGILE)
    earlier = await place.checkpoints.before(failed.thread, "a")

    await place.act("retry", failed, from_checkpoint=earlier.id, visits=earlier.visits)
    async with place.runner():
        run = await place.until(failed, lambda row: row.state == "succeeded")

    assert [name for name, _, _ in place.tools.calls] == ["counter_add", "echo", "counter_add", "echo", "counter_add"]
    assert run.from_checkpoint is None


async def test_a_fork_goes_on_with_another_state(place: Place) -> None:
    graph = """
    nodes:
      a: {kind: transform, value: input.n, then: b}
      b: {kind: transform, value: state.a * 10, then: c}
      c: {kind: transform, value: state.b + 1}
    """
    run = await place.run(graph, {"n": 1})
    then = await place.checkpoints.before(run.thread, "b")
    thread = uuid.uuid4()
    await place.checkpoints.fork(run.thread, then.id, thread, {"a": 7})

    forked = await place.act("fork", run, thread=thread, visits=then.visits, owner_id=place.owner_id, role="editor")
    async with place.runner():
        forked = await place.until(forked, lambda row: row.state == "succeeded")

    assert forked.output == {"state": {"a": 7, "b": 70, "c": 71}}
    assert run.output == {"state": {"a": 1, "b": 10, "c": 11}}


async def test_a_runner_that_stops_gives_its_runs_back(place: Place) -> None:
    run = await place.add("nodes: {a: {kind: tool, tool: counter_add, arguments: {name: a, by: 1}, then: b}, b: {kind: tool, tool: waits}}")
    async with place.runner():
        await place.until(run, lambda _: place.tools.waiting == 1)
    given = await place.look(run)
    assert (given.state, given.tries, given.worker) == ("queued", 0, None)
    assert place.tools.waiting == 0

    place.tools.let_go.set()
    async with place.runner():
        run = await place.until(run, lambda row: row.state == "succeeded")

    assert place.tools.counters == {"a": 1}
    assert run.attempt == 2


async def test_a_runner_that_lost_its_connection_stops_and_goes_on_as_another(place: Place) -> None:
    run = await place.add("nodes: {a: {kind: tool, tool: counter_add, arguments: {name: a, by: 1}, then: b}, b: {kind: tool, tool: waits}}")
    async with place.runner():
        running = await place.until(run, lambda row: row.state == "running" and place.tools.waiting == 1)
        async with place.stores.database.session() as session:
            await session.execute(text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'hearth agents'"))
        await place.until(run, lambda row: row.worker not in (None, running.worker) and place.tools.waiting == 1)
        place.tools.let_go.set()
        run = await place.until(run, lambda row: row.state == "succeeded")

    assert place.tools.counters == {"a": 1}


async def test_what_another_process_says_of_a_run_does_not_count(place: Place) -> None:
    run = await place.add("nodes: {a: {kind: tool, tool: waits, then: b}, b: {kind: tool, tool: counter_add, arguments: {name: b, by: 1}}}")
    async with place.runner():
        await place.until(run, lambda _: place.tools.waiting == 1)
        async with place.stores.database.session() as session:
            await session.execute(text("UPDATE graph_runs SET attempt = attempt + 1, worker = 1 WHERE id = :id"), {"id": run.id})
        place.tools.let_go.set()
        # The other one is dead, so this one takes the run over.
        run = await place.until(run, lambda row: row.state == "succeeded")

    assert place.tools.counters == {"b": 1}
    assert run.attempt == 3


async def test_a_call_that_cannot_be_repeated_is_left_to_people_when_its_process_dies(place: Place) -> None:
    run = await place.add("nodes: {send: {kind: tool, tool: mail_send, approve: false, arguments: {to: Mira}}}")
    async with place.stores.database.session() as session:
        await session.execute(text("UPDATE graph_runs SET state = 'running', worker = 1, attempt = 1 WHERE id = :id"), {"id": run.id})
        await session.execute(
            text("INSERT INTO graph_steps (id, run_id, key, node, kind, begun) VALUES (:step, :id, 'send#1', 'send', 'tool', true)"),
            {"step": uuid.uuid4(), "id": run.id},
        )
    async with place.runner():
        failed = await place.until(run, lambda row: row.state == "failed")
        assert place.tools.sent == []
        assert failed.error is not None
        assert "Nobody knows whether the tool 'mail_send' did what it was called for" in failed.error

        await place.act("retry", failed)
        await place.until(run, lambda row: row.state == "succeeded")

    assert place.tools.sent == ["Mira"]


async def test_a_graph_that_nobody_can_read_has_failed(place: Place) -> None:
    run = await place.add("nodes: {a: {kind: transform, value: '1'}}")
    async with place.stores.database.session() as session:
        await session.execute(text("""UPDATE graph_runs SET spec = '{"main": {"nodes": 1}}' WHERE id = :id"""), {"id": run.id})
    async with place.runner():
        run = await place.settled(run)

    assert run.state == "failed"
    assert run.error is not None
    assert run.error.startswith("The run cannot be begun:")
