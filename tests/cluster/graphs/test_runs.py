"""Runs as people know them."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any

import pytest

from cluster.errors import BadInput, Conflict, NotFound, Overloaded, TooLarge
from cluster.graphs.pending import Pending, Spent
from cluster.graphs.runs import Runs, Wanted
from cluster.graphs.states import RunState
from cluster.graphs.steps import Ending
from tests.cluster.graphs.house import House


async def test_a_run_asked_for_twice_under_one_key_is_one_run(house: House):
    first = await house.add(idempotency_key="k")
    again = await house.add(idempotency_key="k", task_type="other")
    assert again.id == first.id
    assert (await house.add(idempotency_key="k2")).id != first.id
    assert (await (await house.neighbour()).add(idempotency_key="k")).id != first.id, "keys are an organisation's own"


async def test_a_key_is_good_for_one_thing_only(house: House):
    first = await house.add(idempotency_key="k")
    for other in ({"input": {"question": "what?"}}, {"graph": "numbers"}, {"model": "nano"}):
        with pytest.raises(Conflict, match=str(first.id)):
            await house.add(idempotency_key="k", **other)


async def test_of_many_who_ask_at_once_under_one_key_all_get_the_same_run(house: House):
    runs = await asyncio.gather(*(house.add(idempotency_key="k") for _ in range(8)))
    assert len({run.id for run in runs}) == 1
    assert await house.states(runs[0]) == ["queued"]


async def test_an_organisation_has_no_more_open_than_it_may(house: House):
    house = house.limited(queued_per_organisation=3)
    parent = await house.running()
    asked = await asyncio.gather(*(house.add() for _ in range(6)), return_exceptions=True)
    assert sum(isinstance(one, Overloaded) for one in asked) == 4
    await (await house.neighbour(queued_per_organisation=3)).add()
    await house.add(parent_id=parent.id, depth=1)
    await house.claims.end(parent.id, 1, RunState.SUCCEEDED, output={})
    await house.add()


async def test_what_cannot_be_run_is_refused(house: House):
    with pytest.raises(BadInput, match="priority"):
        await house.add(priority=1000)
    with pytest.raises(TooLarge, match=r"graphs\.input_bytes"):
        await house.limited(input_bytes=1024).add(input={"text": "x" * 2000})
    with pytest.raises(BadInput, match="not JSON"):
        await house.add(input={"n": float("inf")})


async def test_a_run_is_found_by_its_organisation_only(house: House):
    run = await house.add(input={"text": "a\x00b"})
    assert (await house.look(run)).input == {"text": "a\ufffdb"}
    with pytest.raises(NotFound):
        await (await house.neighbour()).look(run)


async def test_the_order_of_a_graphs_keys_is_kept(house: House):
    spec: dict[str, Any] = {"main": {"state": {"zeta": {}, "alpha": {}, "mid": {}}}}
    run = await house.look(await house.add(spec=spec))
    assert list(run.spec["main"]["state"]) == ["zeta", "alpha", "mid"]


async def test_runs_are_listed_newest_first_page_by_page_without_what_is_large(house: House):
    added = [await house.add(graph=graph, task_type=kind) for graph, kind in (("a", "graph"), ("b", "graph"), ("a", "agent"))]
    await (await house.neighbour()).add()

    async def listed(most: int = 10, **wanted):
        async with house.runs() as runs:
            return await runs.page(house.organisation_id, Wanted(**wanted), most)

    everything = await listed()
    assert [run.id for run in everything] == [run.id for run in reversed(added)]
    assert "spec" not in everything[0].__dict__
    last = everything[0]
    assert [run.id for run in await listed(1, before=(last.created_at, last.id))] == [added[1].id]
    assert [run.id for run in await listed(graph="a")] == [added[2].id, added[0].id]
    assert [run.id for run in await listed(task_type="agent")] == [added[2].id]
    await house.act("cancel", added[1])
    assert [run.id for run in await listed(state=RunState.CANCELLED)] == [added[1].id]
    assert await listed(owner_id=uuid.uuid4()) == []
    child = await house.add(parent_id=added[0].id, depth=1)
    assert [run.id for run in await listed(parent_id=added[0].id)] == [child.id]


async def test_cancelling_is_at_once_unless_somebody_is_at_it(house: House):
    queued, waiting, running = await house.add(priority=-1), await house.asking("a"), await house.running()
    for run in (queued, waiting):
        assert (await house.act("cancel", run)).state == "cancelled"
    assert (await house.look(waiting)).pending is None
    asked = await house.act("cancel", running)
    assert asked.state == "running"
    assert (await house.act("cancel", running)).changes == asked.changes, "asked once"
    await house.claims.end(running.id, 1, RunState.CANCELLED)
    assert (await house.act("cancel", running)).state == "cancelled"


async def test_cancelling_a_run_cancels_those_within_it(house: House):
    run = await house.running()
    child = await house.add(parent_id=run.id, depth=1)
    grandchild = await house.add(parent_id=child.id, depth=2)
    await house.act("cancel", run)
    assert [(await house.look(one)).state for one in (child, grandchild)] == ["cancelled", "cancelled"]


async def test_a_paused_run_goes_on_where_it_was(house: House):
    queued, waiting, running = await house.add(priority=-1), await house.asking("a"), await house.running()
    for run in (queued, waiting):
        assert (await house.act("pause", run)).state == "paused"
    assert (await house.act("pause", running)).state == "running"
    paused = await house.claims.pause(running.id, 1)
    assert paused is not None
    assert (paused.state, paused.pause_requested_at, paused.worker) == ("paused", None, None)
    assert await house.claims.claim(1, 10) == []
    for run in (queued, waiting, running):
        assert (await house.act("resume", run)).state == "queued"
    assert [one["node"] for one in (await house.look(waiting)).pending or ()] == ["a"]


async def test_a_pause_that_has_not_begun_can_be_taken_back(house: House):
    run = await house.running()
    await house.act("pause", run)
    assert (await house.act("resume", run)).pause_requested_at is None
    wish = await house.claims.look(run.id, 1)
    assert wish is not None
    assert not wish.pause


async def test_what_does_not_fit_the_state_is_refused(house: House):
    run = await house.running()
    for what in ("resume", "retry"):
        with pytest.raises(Conflict, match="is running"):
            await house.act(what, run)
    await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
    for what in ("pause", "resume", "retry"):
        with pytest.raises(Conflict, match="is succeeded"):
            await house.act(what, run)


async def test_a_failed_run_is_tried_again_where_it_failed(house: House):
    run = await house.running()
    log = house.log(run)
    await log.begin("a#1", "a", "llm")
    await log.finish("a#1", "done")
    await log.begin("b#1", "b", "tool")
    await log.sent("b#1")
    await log.fail("b#1", "Nobody knows.", unanswered=True)
    await house.claims.end(run.id, 1, RunState.FAILED, error="It broke.", failed_node="b")
    again = await house.act("retry", run)
    assert (again.state, again.error, again.failed_node, again.finished_at, again.output) == ("queued", None, None, None, None)
    (claimed,) = await house.claims.claim(1, 1)
    log = house.log(claimed)
    assert (await log.begin("a#1", "a", "llm")).value == "done"
    assert not (await log.begin("b#1", "b", "tool")).unanswered, "a person said that it may be repeated"


async def test_a_run_that_is_tried_again_from_a_node_forgets_what_came_after(house: House):
    run = await house.running()
    log = house.log(run)
    for key in ("a#1", "b#1", "b#2[0]", "b#2", "c#1/inner#1"):
        await log.begin(key, key[0], "llm")
        await log.finish(key, key)
    await house.claims.end(run.id, 1, RunState.FAILED, error="It broke.")
    again = await house.act("retry", run, from_checkpoint="then", visits={"a": 1, "b": 1})
    assert again.from_checkpoint == "then"
    assert list(await house.steps(run)) == ["a#1", "b#1"]
    (claimed,) = await house.claims.claim(1, 1)
    await house.claims.passed(claimed.id, claimed.attempt)
    assert (await house.look(run)).from_checkpoint is None


async def test_an_answer_lets_a_run_go_on(house: House):
    run = await house.asking("a")
    assert (await house.events(run, "ask"))[0].data["ask"] == "Shall it?"
    answered = await house.act("answer", run, "a", True)
    assert (answered.state, answered.pending, answered.answers) == ("queued", None, {"a": True})


async def test_of_two_who_answer_at_once_one_is_heard(house: House):
    for _ in range(10):
        run = await house.asking("a")
        said = await asyncio.gather(*(house.act("answer", run, "a", value) for value in (True, False)), return_exceptions=True)
        (refused,) = [one for one in said if isinstance(one, Conflict)]
        (heard,) = [one for one in said if not isinstance(one, BaseException)]
        assert "somebody answered" in refused.message
        assert (await house.look(run)).answers == heard.answers
        await house.act("cancel", run)


async def test_an_answer_that_is_not_as_asked_is_refused_and_the_run_waits_on(house: House):
    run = await house.asking("a")
    with pytest.raises(BadInput, match="'a' is not as it asks") as refused:
        await house.act("answer", run, "a", "perhaps")
    assert refused.value.param == "answer"
    with pytest.raises(Conflict, match="it waits for 'a'"):
        await house.act("answer", run, "b", True)
    now = await house.look(run)
    assert (now.state, now.answers) == ("waiting", None)


async def test_a_second_question_is_answered_while_the_run_goes_on_with_the_first(house: House):
    run = await house.asking("a", "b")
    await house.act("answer", run, "a", True)
    (claimed,) = await house.claims.claim(1, 1)
    assert claimed.answers == {"a": True}
    await house.act("answer", run, "b", False)
    again = await house.claims.wait(run.id, claimed.attempt, [Pending("b", "b#1", "human")], None)
    assert again is not None
    assert (again.state, again.pending, again.answers) == ("queued", None, {"a": True, "b": False})


async def test_a_paused_run_takes_answers_and_stays_paused(house: House):
    run = await house.asking("a")
    await house.act("pause", run)
    answered = await house.act("answer", run, "a", True)
    assert (answered.state, answered.answers) == ("paused", {"a": True})


@pytest.mark.parametrize("value", [None, False, 0, "text", [1], {"a": {"b": None}}])
async def test_any_json_is_an_answer_where_no_schema_says_otherwise(house: House, value):
    run = await house.running()
    await house.claims.wait(run.id, 1, [Pending("a b'c", "a#1", "human")], None)
    assert (await house.act("answer", run, "a b'c", value)).answers == {"a b'c": value}


async def test_nothing_is_answered_in_a_run_that_has_ended(house: House):
    run = await house.asking("a")
    await house.act("cancel", run)
    with pytest.raises(Conflict, match="asks nothing now"):
        await house.act("answer", run, "a", True)


async def test_a_fork_takes_along_what_was_done_and_pays_for_the_rest_itself(house: House):
    run = await house.running(model="nano", priority=3)
    log = house.log(run)
    for key in ("a#1", "b#1"):
        await log.begin(key, key[0], "llm")
        await log.finish(key, f"{key} done", Ending(spent=Spent(5, 5, 5)))
    thread = uuid.uuid4()
    async with house.runs() as runs:
        forked = await runs.fork(run, thread=thread, visits={"a": 1}, owner_id=house.owner_id, role="viewer")
    assert (forked.state, forked.thread, forked.attempt, forked.role) == ("queued", thread, 0, "viewer")
    assert (forked.spec, forked.input, forked.model, forked.priority, forked.micros) == (run.spec, run.input, "nano", 3, 0)
    steps = await house.steps(forked)
    assert [(step.key, step.result, step.micros) for step in steps.values()] == [("a#1", {"value": "a#1 done"}, 0)]
    (claimed,) = await house.claims.claim(1, 1)
    assert (await house.log(claimed).begin("a#1", "a", "llm")).value == "a#1 done"
    assert len(await house.steps(run)) == 2


async def test_a_run_goes_with_all_that_belongs_to_it_once_it_has_ended(house: House):
    run = await house.running()
    await house.log(run).begin("a#1", "a", "llm")
    async with house.runs() as runs:
        assert not await runs.remove(run)
    await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
    async with house.runs() as runs:
        assert await runs.remove(run)
    assert await house.events(run) == []
    assert await house.steps(run) == {}


async def test_runs_that_ended_long_ago_go(house: House):
    old, new, open_still = await house.running(), await house.running(), await house.add()
    for run in (old, new):
        await house.claims.end(run.id, 1, RunState.SUCCEEDED, output={})
    days = house.graphs.kept_days + 1
    await house.execute("UPDATE graph_runs SET finished_at = now() - make_interval(days => :days) WHERE id = :id", days=days, id=old.id)
    async with house.runs() as runs:
        assert await runs.remove_lapsed() == 1
    with pytest.raises(NotFound):
        await house.look(old)
    assert (await house.look(open_still)).state == "queued"


async def test_events_and_steps_are_read_page_by_page(house: House):
    run = await house.running()
    log = house.log(run)
    for number in range(5):
        await log.begin(f"a#{number}", "a", "llm")
    async with house.database.session() as session:
        runs = Runs(session, house.graphs)
        assert [event.number for event in await runs.events(run.id, 3, 2)] == [4, 5]
        first = await runs.steps(run.id, 2)
        rest = await runs.steps(run.id, 10, (first[-1].started_at, first[-1].id))
    assert [step.key for step in (*first, *rest)] == [f"a#{number}" for number in range(5)]
