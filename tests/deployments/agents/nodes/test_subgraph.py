from __future__ import annotations

from tests.deployments.agents.place import Place

INNER = """
nodes:
  twice: {kind: tool, tool: counter_add, arguments: {name: '= input.name', by: 2}, then: say}
  say: {kind: transform, value: "string(state.twice.count)"}
output: {said: state.say}
"""
OUTER = """
nodes:
  inner: {kind: graph, graph: inner, input: {name: "= input.of"}, then: after}
  after: {kind: transform, value: state.inner.said + '!'}
"""


async def test_a_graph_runs_within_another(place: Place) -> None:
    run = await place.run(OUTER, {"of": "hens"}, graphs={"inner": INNER})

    assert run.state == "succeeded", run.error
    assert run.output == {"state": {"inner": {"said": "2"}, "after": "2!"}}
    steps = await place.steps(run)
    assert {key: step.node for key, step in steps.items()} == {
        "inner#1": "inner", "inner#1/twice#1": "inner/twice", "inner#1/say#1": "inner/say", "after#1": "after",
    }  # fmt: skip
    assert run.step_count == 4


async def test_what_it_is_not_given_has_the_default_of_its_input(place: Place) -> None:
    inner = """
    input: {properties: {name: {type: string}, by: {type: integer, default: 3}}}
    nodes: {a: {kind: transform, value: input.by}}
    output: {said: state.a}
    """
    run = await place.run("nodes: {inner: {kind: graph, graph: inner, input: {name: x}}}", graphs={"inner": inner})

    assert run.output == {"state": {"inner": {"said": 3}}}


async def test_what_failed_within_is_said(place: Place) -> None:
    run = await place.run(OUTER, {"of": "x"}, graphs={"inner": "nodes: {a: {kind: transform, value: input.missing}}"})

    assert run.failed_node == "inner"
    assert run.error is not None
    assert run.error.startswith("Node 'inner' failed: Node 'a' failed: ")


async def test_a_person_is_asked_from_within(place: Place) -> None:
    inner = """
    start: [count, ask]
    nodes:
      count: {kind: tool, tool: counter_add, arguments: {name: a, by: 1}, then: both}
      ask: {kind: human, ask: "Yes?", answer: {type: boolean}, then: both}
      both: {kind: transform, join: all, value: state.ask}
    output: {said: "state.both ? 'yes' : 'no'"}
    """
    waiting = await place.run(OUTER, {"of": "x"}, graphs={"inner": inner})
    assert [(one["node"], one["key"]) for one in waiting.pending or []] == [("inner/ask", "inner#1/ask#1")]

    await place.act("answer", waiting, "inner/ask", True)
    async with place.runner():
        run = await place.until(waiting, lambda row: row.state == "succeeded")

    assert run.output == {"state": {"inner": {"said": "yes"}, "after": "yes!"}}
    assert place.tools.counters == {"a": 1}


async def test_a_retry_does_nothing_again_that_was_done_within(place: Place) -> None:
    place.tools.failures["echo"] = 1
    inner = """
    nodes:
      count: {kind: tool, tool: counter_add, arguments: {name: a, by: 1}, then: risky}
      risky: {kind: tool, tool: echo, arguments: {text: done}}
    output: {said: state.risky}
    """
    failed = await place.run(OUTER, {"of": "x"}, graphs={"inner": inner})
    assert failed.state == "failed"
    await place.act("retry", failed)
    async with place.runner():
        await place.until(failed, lambda row: row.state == "succeeded")

    assert [name for name, _, _ in place.tools.calls] == ["counter_add", "echo", "echo"]


async def test_steps_within_count(place: Place) -> None:
    run = await place.run("limits: {steps: 2}\n" + OUTER, {"of": "x"}, graphs={"inner": INNER})

    assert run.state == "failed"
    assert run.error is not None
    assert "limit of 2 steps" in run.error


async def test_graphs_are_not_within_each_other_for_ever(place: Place) -> None:
    place.limit(depth=1)
    run = await place.run(OUTER, {"of": "x"}, graphs={"inner": INNER})

    assert run.error is not None
    assert "graphs.depth" in run.error
