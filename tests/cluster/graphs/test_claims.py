"""Who carries a run on, and what becomes of it when that process goes."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

from cluster.graphs.pending import Pending, Spent
from cluster.graphs.states import RunState
from tests.cluster.graphs.house import House

SOON = timedelta(hours=1)


async def test_two_who_claim_at_once_never_get_the_same_run(house: House):
    for _ in range(10):
        others = [await house.neighbour() for _ in range(3)]
        added = {(await other.add()).id for other in others}
        claimed = await asyncio.gather(*(house.claims.claim(worker, 2) for worker in (1, 2, 3)))
        # Who finds another at it gets nothing, and looks again.
        claimed += [await house.claims.claim(4, 10)]
        ids = [run.id for runs in claimed for run in runs]
        assert sorted(ids) == sorted(added)


async def test_what_is_claimed_runs_under_the_lock_of_who_claimed_it(house: House):
    run = await house.running(worker=77)
    assert (run.state, run.attempt, run.worker, run.tries) == ("running", 1, 77, 0)
    assert run.started_at is not None
    assert await house.states(run) == ["queued", "running"]


async def test_an_organisation_has_no_more_under_way_than_it_may(house: House):
    other = await house.neighbour()
    mine = [await house.add() for _ in range(4)]
    theirs = await other.add()
    claimed = await house.claims.claim(1, 100)
    assert [run.id for run in claimed] == [mine[0].id, mine[1].id, theirs.id]
    assert await house.claims.claim(1, 100) == []
    await house.claims.end(mine[0].id, 1, RunState.SUCCEEDED, output={})
    assert [run.id for run in await house.claims.claim(1, 100)] == [mine[2].id]


async def test_runs_within_runs_are_not_counted_so_that_nobody_waits_for_himself(house: House):
    parents = [await house.running(), await house.running()]
    child = await house.add(parent_id=parents[0].id, depth=1)
    waiting = await house.add()
    assert [run.id for run in await house.claims.claim(1, 100)] == [child.id]
    await house.claims.end(parents[0].id, 1, RunState.SUCCEEDED, output={})
    assert [run.id for run in await house.claims.claim(1, 100)] == [waiting.id], "the child that runs takes nobody's place"


async def test_by_priority_then_age_and_no_more_than_there_is_room_for(house: House):
    first, second = await house.add(), await house.add()
    urgent = await (await house.neighbour()).add(priority=5)
    assert [run.id for run in await house.claims.claim(1, 2)] == [urgent.id, first.id]
    assert await house.claims.claim(1, 0) == []
    assert [run.id for run in await house.claims.claim(1, 2)] == [second.id]


async def test_a_run_whose_process_is_gone_is_taken_over_and_the_old_one_writes_nothing_more(house: House):
    async with house.process() as process:
        run = await house.running(process.worker)
        assert await house.claims.take_over() == [], "its process lives"
    assert await house.claims.take_over() == [run.id]
    now = await house.look(run)
    assert (now.state, now.tries, now.worker) == ("queued", 1, None)
    (again,) = await house.claims.claim(2, 1)
    assert again.attempt == 2
    claims, old = house.claims, (run.id, 1)
    assert await claims.end(*old, RunState.SUCCEEDED, output={"answer": "late"}) is None
    assert await claims.wait(*old, [], datetime.now(UTC)) is None
    assert await claims.pause(*old) is None
    assert await claims.give_back(*old) is None
    assert await claims.spend(*old, Spent(1, 1, 1)) is None
    assert await claims.event(*old, "tool", {}) is None
    assert await claims.passed(*old) is None
    assert await claims.look(*old) is None
    now = await house.look(run)
    assert (now.state, now.attempt, now.output, now.changes) == ("running", 2, None, again.changes)


async def test_a_run_that_loses_every_process_fails_in_the_end_and_waits_longer_each_time(house: House):
    run = await house.running()
    await house.claims.take_over()
    (second,) = await house.claims.claim(1, 1)
    assert second.id == run.id, "the first time at once"
    await house.claims.take_over()
    assert await house.claims.claim(1, 1) == [], "the second time later"
    await house.execute("UPDATE graph_runs SET not_before = now() WHERE id = :id", id=run.id)
    await house.claims.claim(1, 1)
    await house.claims.take_over()
    now = await house.look(run)
    assert now.state == "failed"
    assert (
        now.error == "The process that ran it is gone. It was tried 3 times without a step done in between (setting graphs.max_attempts)."
    )


async def test_a_step_done_forgives_the_processes_lost_before_it(house: House):
    run = await house.running()
    await house.claims.take_over()
    (again,) = await house.claims.claim(1, 1)
    assert again.tries == 1
    log = house.log(again)
    await log.begin("a#1", "a", "llm")
    await log.finish("a#1", "done")
    assert (await house.look(run)).tries == 0


async def test_what_was_asked_of_a_run_is_done_when_its_process_is_gone(house: House):
    cancelled, paused = await house.running(), await house.running()
    await house.act("cancel", cancelled)
    await house.act("pause", paused)
    assert set(await house.claims.take_over()) == {cancelled.id, paused.id}
    assert (await house.look(cancelled)).state == "cancelled"
    assert (await house.look(paused)).state == "paused"


async def test_who_stops_in_order_gives_back_what_it_runs_and_no_try_is_lost(house: House):
    run = await house.running()
    back = await house.claims.give_back(run.id, run.attempt)
    assert back is not None
    assert (back.state, back.tries, back.worker, back.queued_at) == ("queued", 0, None, run.queued_at)


async def test_a_wait_ends_when_its_time_has_come(house: House):
    run = await house.running()
    await house.claims.wait(run.id, 1, [], datetime.now(UTC) + SOON, seconds=1.5)
    assert await house.claims.wake_due() == []
    now = await house.look(run)
    assert (now.state, now.pending, now.seconds) == ("waiting", None, 1.5)
    await house.execute("UPDATE graph_runs SET wake_at = now() WHERE id = :id", id=run.id)
    woken = await asyncio.gather(house.claims.wake_due(), house.claims.wake_due())
    assert [run_id for ids in woken for run_id in ids] == [run.id]
    now = await house.look(run)
    assert (now.state, now.wake_at) == ("queued", None)


async def test_questions_are_told_once_and_times_are_no_questions(house: House):
    run = await house.running()
    first = Pending("a", "a#1", "human", "Shall it?", {"sum": 3}, {"type": "boolean"}, datetime.now(UTC) + SOON)
    await house.claims.wait(run.id, 1, [first, Pending("w", "w#1", "time")], datetime.now(UTC) - SOON)
    await house.claims.wake_due()
    await house.claims.claim(1, 1)
    await house.claims.wait(run.id, 2, [first, Pending("b", "b#1", "human")], None)
    asked = await house.events(run, "ask")
    assert [event.data["node"] for event in asked] == ["a", "b"]
    assert asked[0].data == first.to_json()
    assert [one["node"] for one in (await house.look(run)).pending or ()] == ["a", "b"]


async def test_a_run_that_waits_is_cancelled_or_paused_if_that_was_asked_for(house: House):
    cancelled, paused = await house.running(), await house.running()
    await house.act("cancel", cancelled)
    await house.act("pause", paused)
    for run in (cancelled, paused):
        await house.claims.wait(run.id, 1, [Pending("a", "a#1", "human")], datetime.now(UTC) + SOON)
    now = await house.look(cancelled)
    assert (now.state, now.pending, now.wake_at) == ("cancelled", None, None)
    now = await house.look(paused)
    assert (now.state, now.pause_requested_at) == ("paused", None)
    assert [one["node"] for one in now.pending or ()] == ["a"]


async def test_a_process_sees_what_was_asked_of_everything_it_runs(house: House):
    calm, stopped = await house.running(5), await house.running(5)
    await house.act("cancel", stopped)
    everything = await house.claims.look_at_all(5)
    assert {run_id: (attempt, wish.cancel, wish.pause) for run_id, (attempt, wish) in everything.items()} == {
        calm.id: (1, False, False),
        stopped.id: (1, True, False),
    }
    wish = await house.claims.look(stopped.id, 1)
    assert wish is not None
    assert wish.cancel
    await house.claims.end(stopped.id, 1, RunState.CANCELLED)
    assert set(await house.claims.look_at_all(5)) == {calm.id}


async def test_how_a_run_ended_is_written_once(house: House):
    run = await house.running()
    ends = await asyncio.gather(*(house.claims.end(run.id, 1, RunState.SUCCEEDED, output={"n": n}) for n in range(5)))
    (ended,) = [one for one in ends if one is not None]
    assert ended.output in [{"n": n} for n in range(5)]
    assert ended.finished_at is not None
    assert await house.states(run) == ["queued", "running", "succeeded"]


async def test_a_failure_names_its_node_and_texts_that_the_database_cannot_hold_are_kept_as_far_as_possible(house: House):
    run = await house.running()
    ended = await house.claims.end(run.id, 1, RunState.FAILED, error="It\x00 broke \ud800.", failed_node="a")
    assert ended is not None
    assert (ended.error, ended.failed_node) == ("It\ufffd broke \ufffd.", "a")
    assert (await house.events(run, "state"))[-1].data["reason"] == "It\ufffd broke \ufffd."


async def test_what_is_spent_is_added_up(house: House):
    run = await house.running()
    await house.claims.spend(run.id, 1, Spent(10, 5, 300), seconds=0.5)
    await house.claims.spend(run.id, 1, Spent(1, 1, 1), seconds=0.25)
    now = await house.look(run)
    assert (now.prompt_tokens, now.completion_tokens, now.micros, now.seconds) == (11, 6, 301, 0.75)


async def test_a_run_that_is_not_there_is_nobodys(house: House):
    assert await house.claims.end(uuid.uuid4(), 1, RunState.FAILED, error="No.") is None
