from __future__ import annotations

from tests.deployments.agents.place import Place

ECHOES = """
nodes:
  all: {kind: map, over: input.items, parallel: 2, each: {kind: tool, tool: echo, arguments: {text: "= item"}, retry: {attempts: 1}}}
"""


async def test_results_are_in_the_order_of_the_items(place: Place) -> None:
    run = await place.run(
        "nodes: {all: {kind: map, over: input.items, each: {kind: transform, value: item * 10 + index}}}", {"items": [3, 1, 2]}
    )

    assert run.output == {"state": {"all": [30, 11, 22]}}
    assert sorted(await place.steps(run)) == ["all#1", "all#1[0]", "all#1[1]", "all#1[2]"]


async def test_nothing_is_done_for_no_items(place: Place) -> None:
    assert await place.gives(ECHOES, {"items": []}) == {"all": []}


async def test_no_more_run_at_once_than_may(place: Place) -> None:
    graph = "nodes: {all: {kind: map, over: input.items, parallel: 2, each: {kind: tool, tool: waits}}}"
    queued = await place.add(graph, {"items": [1, 2, 3, 4, 5]})
    async with place.runner():
        await place.until(queued, lambda _: place.tools.waiting == 2)
        assert len(place.tools.calls) == 2
        place.tools.let_go.set()
        await place.settled(queued)

    assert len(place.tools.calls) == 5


async def test_after_a_failure_only_the_rest_is_done(place: Place) -> None:
    place.tools.failures["echo"] = 1
    failed = await place.run(ECHOES, {"items": ["a", "b", "c", "d"]})
    assert failed.state == "failed"
    done = {key for key, step in (await place.steps(failed)).items() if step.state == "succeeded"}
    assert done

    await place.act("retry", failed)
    async with place.runner():
        run = await place.until(failed, lambda row: row.state == "succeeded")

    assert run.output == {"state": {"all": ["a", "b", "c", "d"]}}
    assert len(place.tools.calls) == 5


async def test_an_item_that_failed_may_be_left_out(place: Place) -> None:
    graph = "nodes: {all: {kind: map, over: input.items, skip_errors: true, each: {kind: transform, value: 10 / item}}}"
    run = await place.run(graph, {"items": [5, 0, 2]})

    assert run.output == {"state": {"all": [2, None, 5]}}
    assert (await place.steps(run))["all#1[1]"].state == "skipped"


async def test_a_list_that_is_too_long_or_none_is_refused(place: Place) -> None:
    graph = "nodes: {all: {kind: map, over: input.items, most: 2, each: {kind: transform, value: item}}}"
    long = await place.run(graph, {"items": [1, 2, 3]})
    none = await place.run(graph, {"items": "abc"})

    assert long.error is not None
    assert "has 3 items, at most 2 are taken" in long.error
    assert none.error is not None
    assert "is to be a list" in none.error
