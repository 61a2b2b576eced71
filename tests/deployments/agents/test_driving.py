from __future__ import annotations

from tests.deployments.agents.place import Place


async def test_a_run_gives_the_output_of_its_graph(place: Place) -> None:
    run = await place.run(
        """
        nodes:
          double: {kind: transform, value: input.n * 2, then: more}
          more: {kind: transform, value: state.double + 1}
        output: {answer: state.more, first: state.double}
        """,
        {"n": 20},
    )

    assert run.state == "succeeded", run.error
    assert run.output == {"answer": 41, "first": 40}
    assert await place.order(run) == ["double#1", "more#1"]
    assert run.step_count == 2
