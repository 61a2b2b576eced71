from __future__ import annotations

import asyncio

from cluster.errors import BadInput, EngineError, Unavailable
from tests.deployments.agents.place import Place

DOUBLE = """
nodes:
  double: {kind: transform, value: input.n * 2, then: more}
  more: {kind: transform, value: state.double + 1}
output: {answer: state.more, first: state.double}
"""


async def test_a_run_gives_the_output_of_its_graph(place: Place) -> None:
    run = await place.run(DOUBLE, {"n": 20})

    assert run.state == "succeeded", run.error
    assert run.output == {"answer": 41, "first": 40}
    assert await place.order(run) == ["double#1", "more#1"]
    assert run.step_count == 2


async def test_every_edge_that_holds_is_taken(place: Place) -> None:
    state = await place.gives(
        """
        nodes:
          a:
            kind: transform
            value: input.n
            then: [{to: small, when: state.a < 10}, {to: even, when: state.a % 2 == 0}, {to: big, when: state.a > 99}]
          small: {kind: transform, value: "true"}
          even: {kind: transform, value: "true"}
          big: {kind: transform, value: "true"}
        """,
        {"n": 4},
    )

    assert state == {"a": 4, "small": True, "even": True}


async def test_where_no_edge_holds_the_run_says_so(place: Place) -> None:
    run = await place.run("nodes: {a: {kind: transform, value: '1', then: [{to: b, when: state.a > 5}]}, b: {kind: transform, value: '2'}}")

    assert run.state == "failed"
    assert run.failed_node == "a"
    assert run.error is not None
    assert "none of its conditions holds: `state.a > 5` (to 'b')" in run.error


async def test_a_loop_ends_when_its_condition_does(place: Place) -> None:
    run = await place.run(
        """
        nodes:
          begin: {kind: transform, value: "0", to: n, then: count}
          count: {kind: transform, value: state.n + 1, to: n, then: [{to: count, when: state.n < 5}, {to: end, when: state.n >= 5}]}
        """
    )

    assert run.output == {"state": {"n": 5}}
    assert await place.order(run) == ["begin#1", "count#1", "count#2", "count#3", "count#4", "count#5"]


async def test_branches_run_beside_each_other_and_join(place: Place) -> None:
    place.gateway.held = asyncio.Event()
    queued = await place.add(
        """
        start: [left, right]
        nodes:
          left: {kind: llm, user: left, then: both}
          right: {kind: llm, user: right, then: both}
          both: {kind: transform, join: all, value: "[state.left, state.right]"}
        """
    )

    async with place.runner():
        await place.until(queued, lambda _: place.gateway.opened == 2)
        place.gateway.held.set()
        run = await place.settled(queued)

    assert run.output is not None
    assert run.output["state"]["both"] == ["You said: left", "You said: right"]
    assert (await place.order(run)).count("both#1") == 1


async def test_another_path_is_taken_when_a_node_fails(place: Place) -> None:
    run = await place.run(
        """
        nodes:
          risky: {kind: tool, tool: always_fails, on_error: plan_b, then: never}
          never: {kind: transform, value: "1"}
          plan_b: {kind: transform, value: "'instead: ' + state.error"}
        """
    )

    assert run.state == "succeeded"
    assert run.output is not None
    assert run.output["state"]["plan_b"] == "instead: The tool 'always_fails' said: It cannot be done."
    assert (await place.steps(run))["risky#1"].state == "failed"


async def test_a_node_that_fails_without_another_path_ends_the_run(place: Place) -> None:
    run = await place.run("nodes: {a: {kind: transform, value: '1', then: b}, b: {kind: transform, value: input.missing}}")

    assert run.state == "failed"
    assert run.failed_node == "b"
    assert run.error is not None
    assert run.error.startswith("Node 'b' failed:")
    assert "missing" in run.error


async def test_what_runs_beside_a_node_that_fails_comes_to_its_end(place: Place) -> None:
    queued = await place.add(
        """
        start: [slow, broken]
        nodes:
          slow: {kind: tool, tool: waits}
          broken: {kind: transform, value: input.missing}
        """
    )

    async with place.runner():
        await place.until(queued, lambda _: place.tools.waiting == 1)
        await asyncio.sleep(0.05)
        assert (await place.look(queued)).state == "running"
        place.tools.let_go.set()
        run = await place.settled(queued)

    assert run.state == "failed"
    assert (await place.steps(run))["slow#1"].state == "succeeded"


async def test_a_model_that_fails_for_a_while_is_asked_again(place: Place) -> None:
    place.tools.failures["echo"] = 2
    run = await place.run(
        "nodes: {say: {kind: tool, tool: echo, arguments: {text: hello}, retry: {attempts: 3, wait_s: 0}}}",
    )

    assert run.state == "succeeded", run.error
    assert (await place.steps(run))["say#1"].attempts == 3


async def test_a_node_is_not_tried_more_often_than_it_may(place: Place) -> None:
    place.gateway.failures = {"fake-llm": EngineError("The engine broke.")}
    run = await place.run("nodes: {ask: {kind: llm, user: hello, retry: {attempts: 2, wait_s: 0}}}")

    assert run.state == "failed"
    assert len(place.gateway.asked) == 2
    assert (await place.steps(run))["ask#1"].attempts == 2
    assert run.error == "Node 'ask' failed: The engine broke."


async def test_a_mistake_is_not_tried_again(place: Place) -> None:
    place.gateway.failures = {"fake-llm": BadInput("That is too much to ask.")}
    run = await place.run("nodes: {ask: {kind: llm, user: hello, retry: {attempts: 3, wait_s: 0}}}")

    assert run.state == "failed"
    assert (await place.steps(run))["ask#1"].attempts == 1


async def test_an_attempt_ends_in_time(place: Place) -> None:
    run = await place.run("nodes: {wait_for: {kind: tool, tool: waits, timeout_s: 0.1}}")

    assert run.state == "failed"
    assert run.error == "Node 'wait_for' failed: It did not finish within 0.1 s ('timeout_s' of the node)."
    assert place.tools.waiting == 0


async def test_a_node_writes_what_the_state_says_it_writes(place: Place) -> None:
    run = await place.run(
        """
        state: {n: {type: integer}}
        nodes: {n: {kind: transform, value: "'many'"}}
        """
    )

    assert run.state == "failed"
    assert run.error is not None
    assert "'n'" in run.error
    assert "a whole number" in run.error


async def test_a_model_that_is_not_there_now_is_waited_for(place: Place) -> None:
    place.gateway.failures = {"fake-llm": Unavailable("Not yet (retry in 1 s).")}
    queued = await place.add("nodes: {ask: {kind: llm, user: hello, retry: {attempts: 3, wait_s: 0.05, max_wait_s: 0.2}}}")

    async with place.runner():
        await place.until(queued, lambda _: len(place.gateway.asked) >= 1)
        place.gateway.failures = {}
        run = await place.settled(queued)

    assert run.state == "succeeded", run.error
