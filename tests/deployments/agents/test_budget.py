from __future__ import annotations

import pytest

from tests.deployments.agents.place import Place

ENDLESS = """
nodes:
  a: {kind: transform, value: "1", then: b}
  b: {kind: transform, value: "2", then: a}
"""
ASKING = """
nodes:
  first: {kind: llm, model: "{{ input.model }}", user: one two three, then: second}
  second: {kind: llm, model: "{{ input.model }}", user: four five six}
"""


async def test_a_graph_without_an_end_runs_out_of_steps(place: Place) -> None:
    run = await place.run("limits: {steps: 10}\n" + ENDLESS.strip())

    assert run.state == "failed"
    assert run.step_count <= 11
    assert run.error == (
        "The run reached its limit of 10 steps: 10 nodes were run. Raise 'steps' of the graph, and retry it, or give it less to do."
    )


async def test_the_setting_holds_where_the_graph_says_nothing(place: Place) -> None:
    place.limit(steps=6)
    run = await place.run(ENDLESS)

    assert run.error is not None
    assert "limit of 6 steps" in run.error
    assert "the setting graphs.steps" in run.error


async def test_what_was_asked_for_holds_too(place: Place) -> None:
    run = await place.run(ENDLESS, limits={"steps": 4})

    assert run.error is not None
    assert "limit of 4 steps" in run.error
    assert "that was asked for" in run.error


@pytest.mark.parametrize(
    ("limit", "model", "said"), [("tokens: 5", "fake-llm", "limit of 5 tokens"), ("money: 0.2", "dear", "limit of 0.2 money")]
)
async def test_a_run_that_spent_all_asks_no_further_model(place: Place, limit: str, model: str, said: str) -> None:
    run = await place.run(f"limits: {{{limit}}}\n" + ASKING.strip(), {"model": model})

    assert run.state == "failed"
    assert run.error is not None
    assert said in run.error
    assert len(place.gateway.asked) == 1


async def test_what_answers_cost_is_kept(place: Place) -> None:
    run = await place.run(ASKING, {"model": "dear"})

    steps = await place.steps(run)
    assert run.state == "succeeded"
    assert (run.prompt_tokens, run.completion_tokens) == (6, 10)
    assert run.micros == 16 * 100_000
    assert steps["first#1"].model == "dear"
    assert steps["first#1"].completion_tokens == 5


async def test_a_run_ends_when_its_time_is_over_in_the_middle_of_a_node(place: Place) -> None:
    run = await place.run(
        "limits: {seconds: 0.3}\nnodes: {hang: {kind: tool, tool: waits, on_error: never}, never: {kind: transform, value: '1'}}"
    )

    assert run.state == "failed"
    assert run.error is not None
    assert "limit of 0.3 seconds" in run.error
    assert run.seconds >= 0.3
    assert place.tools.waiting == 0


async def test_no_other_path_is_taken_for_what_is_spent(place: Place) -> None:
    run = await place.run(
        """
        limits: {tokens: 5}
        nodes:
          a: {kind: llm, user: one two three, then: b}
          b: {kind: llm, user: x, on_error: c}
          c: {kind: transform, value: "1"}
        """
    )

    assert run.state == "failed"


async def test_an_answer_is_no_longer_than_what_is_left(place: Place) -> None:
    run = await place.run("limits: {tokens: 6}\nnodes: {a: {kind: llm, user: one two three four five six seven}}")

    assert run.completion_tokens == 6


async def test_a_state_that_grows_without_end_is_refused(place: Place) -> None:
    place.limit(state_bytes=4000)
    run = await place.run(
        """
        nodes:
          begin: {kind: transform, value: "'x'", to: text, then: grow}
          grow: {kind: transform, value: state.text + state.text, to: text, then: grow}
        """
    )

    assert run.state == "failed"
    assert run.error is not None
    assert "graphs.state_bytes" in run.error
    assert "'text'" in run.error


async def test_a_result_that_is_too_large_is_refused(place: Place) -> None:
    place.limit(value_bytes=2000)
    run = await place.run("nodes: {big: {kind: tool, tool: echo, arguments: {text: '= input.text'}}}", {"text": "x" * 3000})

    assert run.state == "failed"
    assert run.error is not None
    assert "graphs.value_bytes" in run.error
