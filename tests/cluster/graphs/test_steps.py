"""What was done is written down once, and used again."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable

import pytest

from cluster.errors import BadInput, TooLarge
from cluster.graphs.changes import RUNS
from cluster.graphs.claims import Claims
from cluster.graphs.pending import Spent
from cluster.graphs.runs import Runs
from cluster.graphs.states import RunState
from cluster.graphs.steps import Ending, StepLog, Superseded
from tests.cluster.graphs.house import House


async def test_a_step_that_was_done_gives_its_value_to_every_later_attempt(house: House):
    run = await house.running()
    log = house.log(run)
    begun = await log.begin("a#1", "a", "llm")
    assert not begun.done
    await log.finish("a#1", ["found", {"b": 1}])
    await house.claims.give_back(run.id, 1)
    (again,) = await house.claims.claim(1, 1)
    before = again.changes
    found = await house.log(again).begin("a#1", "a", "llm")
    assert (found.done, found.value, found.started_at) == (True, ["found", {"b": 1}], begun.started_at)
    assert (await house.look(run)).changes == before, "nothing happened"


@pytest.mark.parametrize("value", [None, 0, False, "", "text", [], {}, {"value": None}, 1.5])
async def test_values_come_back_as_they_were(house: House, value):
    log = house.log(await house.running())
    await log.begin("a#1", "a", "transform")
    await log.finish("a#1", value)
    found = await log.begin("a#1", "a", "transform")
    assert found.value == value
    assert type(found.value) is type(value)


async def test_a_step_that_broke_off_is_begun_again_and_says_whether_its_effect_may_have_taken_place(house: House):
    run = await house.running()
    log = house.log(run)
    await log.begin("send#1", "send", "tool")
    await log.begin("look#1", "look", "tool")
    await log.sent("send#1")
    await house.claims.take_over()
    (again,) = await house.claims.claim(1, 1)
    log = house.log(again)
    assert (await log.begin("send#1", "send", "tool")).unanswered
    assert not (await log.begin("look#1", "look", "tool")).unanswered
    await log.fail("send#1", "Nobody knows.", unanswered=True)
    steps = await house.steps(run)
    assert (steps["send#1"].state, steps["send#1"].begun, steps["send#1"].attempts) == ("failed", True, 2)
    await log.finish("look#1", 1)
    assert (await house.look(run)).step_count == 2, "begun twice, counted once"


async def test_an_answer_ends_the_doubt(house: House):
    log = house.log(await house.running())
    for key in ("a#1", "b#1"):
        await log.begin(key, "a", "tool")
        await log.sent(key)
    await log.finish("a#1", "sent")
    await log.fail("b#1", "It said no.")
    assert not (await log.begin("b#1", "a", "tool")).unanswered


async def test_what_a_step_cost_is_the_runs_cost_as_well(house: House):
    run = await house.running()
    log = house.log(run)
    await log.begin("a#1", "a", "llm")
    await log.fail("a#1", "The model is away.", Ending(2, Spent(5, 1, 10), "nano"))
    await log.begin("a#1", "a", "llm")
    await log.finish("a#1", "well", Ending(1, Spent(7, 3, 20), "larger"))
    step = (await house.steps(run))["a#1"]
    assert (step.state, step.attempts, step.model, step.error) == ("succeeded", 3, "larger", None)
    assert (step.prompt_tokens, step.completion_tokens, step.micros) == (12, 4, 30)
    now = await house.look(run)
    assert (now.prompt_tokens, now.completion_tokens, now.micros) == (12, 4, 30)


async def test_an_attempt_that_is_over_writes_nothing(house: House):
    run = await house.running()
    old = house.log(run)
    await old.begin("a#1", "a", "llm")
    await house.claims.take_over()
    await house.claims.claim(2, 1)
    late: list[Awaitable[object]] = [
        old.begin("a#1", "a", "llm"),
        old.begin("b#1", "b", "llm"),
        old.sent("a#1"),
        old.finish("a#1", "late"),
        old.fail("a#1", "late"),
        old.skip("a#1", "late"),
        old.wait("a#1"),
    ]
    for writing in late:
        with pytest.raises(Superseded):
            await writing
    steps = await house.steps(run)
    assert list(steps) == ["a#1"]
    assert (steps["a#1"].state, steps["a#1"].begun) == ("running", False)


async def test_a_step_done_before_is_not_told_to_an_attempt_that_is_over(house: House):
    run = await house.running()
    old = house.log(run)
    await old.begin("a#1", "a", "llm")
    await old.finish("a#1", 1)
    await house.claims.give_back(run.id, 1)
    with pytest.raises(Superseded):
        await old.begin("a#1", "a", "llm")


async def test_a_value_that_is_too_large_or_no_json_is_refused(house: House):
    run = await house.running()
    log = StepLog(house.database, house.graphs.model_copy(update={"value_bytes": 2000}), run.id, 1)
    await log.begin("a#1", "a", "llm")
    with pytest.raises(TooLarge, match=r"graphs\.value_bytes"):
        await log.finish("a#1", "ö" * 1000)
    for value in (float("nan"), {1, 2}, object()):
        with pytest.raises(BadInput, match="not JSON"):
            await log.finish("a#1", value)  # type: ignore[arg-type]
    await log.finish("a#1", "a\x00b\ud800c")
    assert (await log.begin("a#1", "a", "llm")).value == "a\ufffdb\ufffdc"


async def test_events_tell_of_each_step_in_a_few_words(house: House):
    house = house.limited(event_chars=80)
    run = await house.running()
    log = house.log(run)
    await log.begin("each#1[0]", "each", "map")
    await log.finish("each#1[0]", {"text": "x" * 500})
    await log.begin("each#1[1]", "each", "map")
    await log.skip("each#1[1]", "There was nothing.")
    told = [event.data for event in await house.events(run, "step")]
    assert [(one["key"], one["state"]) for one in told] == [
        ("each#1[0]", "running"),
        ("each#1[0]", "succeeded"),
        ("each#1[1]", "running"),
        ("each#1[1]", "skipped"),
    ]
    assert told[1]["text"] == '{"text": "' + "x" * 69 + "…"
    assert told[3]["text"] == "There was nothing."
    assert (await log.begin("each#1[1]", "each", "map")).done


async def test_an_answer_that_was_taken_is_used_up(house: House):
    run = await house.asking("a", "b")
    await house.act("answer", run, "a", True)
    await house.act("answer", run, "b", False)
    (again,) = await house.claims.claim(1, 1)
    assert again.answers == {"a": True, "b": False}
    log = house.log(again)
    await log.begin("a#1", "a", "human")
    await log.finish("a#1", True, Ending(taken="a"))
    assert (await house.look(run)).answers == {"b": False}


async def test_a_step_that_waits_is_begun_again(house: House):
    run = await house.running()
    log = house.log(run)
    first = await log.begin("w#1", "w", "wait")
    await log.wait("w#1")
    assert (await house.steps(run))["w#1"].state == "waiting"
    again = await log.begin("w#1", "w", "wait")
    assert (again.done, again.started_at) == (False, first.started_at)


async def test_whoever_follows_is_told_once_it_is_committed(house: House):
    told: list[int] = []
    run = await house.add()
    claims = Claims(house.database, house.graphs, lambda _: told.append(1))
    (claimed,) = await claims.claim(1, 1)
    log = StepLog(house.database, house.graphs, run.id, claimed.attempt, lambda _: told.append(2))
    await log.begin("a#1", "a", "llm")
    await log.finish("a#1", 1)
    await claims.end(run.id, claimed.attempt, RunState.SUCCEEDED, output={})
    assert told == [1, 2, 2, 1]
    with pytest.raises(Superseded):
        await log.wait("a#1")
    assert told == [1, 2, 2, 1]


async def test_steps_wait_for_whoever_changes_the_run_and_number_on(house: House):
    run = await house.running()
    log = house.log(run)
    await log.begin("a#1", "a", "llm")
    for say in (log.finish("a#1", 1, Ending(spent=Spent(1, 1, 1))), log.begin("b#1", "b", "llm"), log.wait("b#1"), log.sent("b#1")):
        async with house.database.session() as session:
            runs = Runs(session, house.graphs)
            number = (await runs.get(house.organisation_id, run.id, lock=True)).changes + 1
            saying = asyncio.ensure_future(say)
            await asyncio.sleep(0.05)
            assert not saying.done()
            await RUNS.change(session, run.id, changes=number)
            await RUNS.tell(session, run.id, number, "tool", {})
        await saying
    numbers = [event.number for event in await house.events(run)]
    assert numbers == list(range(1, len(numbers) + 1))
    assert [event.data["state"] for event in await house.events(run, "step")] == ["running", "succeeded", "running", "waiting"]
    now = await house.look(run)
    assert (now.changes, now.step_count, now.prompt_tokens) == (numbers[-1], 2, 1)
    assert (await house.steps(run))["b#1"].begun
