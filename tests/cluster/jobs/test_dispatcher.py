"""Jobs from the queue to their end, each a real process of this machine, on the real database."""

from __future__ import annotations

import asyncio
import os
import signal
from dataclasses import replace
from datetime import timedelta

from cluster.fakes.jobs import LocalJobs
from cluster.jobs.attempts import Attempts
from cluster.jobs.states import JobState
from cluster.jobs.store import Jobs
from cluster.settings import JobSettings
from tests.cluster.jobs.house import PATIENCE_S, House, numbers


def limited(house: House, **changes: int) -> Attempts:
    return Attempts(house.database, JobSettings(**changes))


async def test_a_job_runs_reports_and_leaves_its_result(house: House, runner: LocalJobs):
    job = await house.add(most=3)
    async with house.dispatching(runner):
        ended = await house.until(job, "succeeded")
    assert (ended.result, ended.error, ended.attempt) == ({"counted": 3, "attempts": 1}, None, 1)
    assert (ended.done, ended.total, ended.unit, ended.stage) == (3, 3, "numbers", "counting")
    assert await house.states(job) == ["queued", "running", "succeeded"]
    assert [event.data["text"] for event in await house.events(job, "log")] == ["attempt 1 begins at 0"]
    assert [number for number, *_ in numbers(job)] == [0, 1, 2]


async def test_a_killed_process_is_replaced_where_it_was_and_the_job_ends_once(house: House, runner: LocalJobs):
    job = await house.add(most=6, die_at=3)
    async with house.dispatching(runner):
        ended = await house.until(job, "succeeded")
    assert ended.result == {"counted": 6, "attempts": 2}
    assert [(number, attempt) for number, _, attempt in numbers(job)] == [(0, 1), (1, 1), (2, 1), (3, 2), (4, 2), (5, 2)]
    assert await house.states(job) == ["queued", "running", "queued", "running", "succeeded"]
    assert "Exit code -9" in (await house.events(job, "state"))[2].data["reason"]


async def test_a_job_that_loses_every_process_fails_with_the_reason(house: House, runner: LocalJobs):
    job = await house.add("broken")
    dispatcher = house.dispatcher(runner, {"broken": "tests.cluster.jobs.no_such_module"})
    await dispatcher.start()
    ended = await house.until(job, "failed")
    await dispatcher.stop()
    assert ended.attempt == house.settings.jobs.max_attempts == 5
    assert "Exit code 1" in (ended.error or "")
    assert "jobs.max_attempts" in (ended.error or "")


async def test_a_process_that_does_not_end_with_its_job_is_ended(house: House, runner: LocalJobs):
    job = await house.add(lingers=True)
    async with house.dispatching(runner):
        done = await house.until(job, "succeeded")
        process = runner.processes[done.submission_id or ""]
        async with asyncio.timeout(PATIENCE_S):
            assert await process.wait() == -signal.SIGALRM


async def test_a_job_that_says_the_same_as_a_running_one_waits_for_its_end(house: House):
    attempts = limited(house, concurrent=9, concurrent_per_organisation=9)
    first = await house.add(file="the same")
    assert [job.id for job in await attempts.claim()] == [first.id]
    again, another = await house.add(file="the same"), await house.add(file="another")
    theirs = await (await house.neighbour()).add(file="the same")
    assert {job.id for job in await attempts.claim()} == {another.id, theirs.id}
    await attempts.end(first.id, 1, JobState.SUCCEEDED)
    assert [job.id for job in await attempts.claim()] == [again.id]


async def test_a_job_of_a_kind_that_is_gone_fails(house: House, runner: LocalJobs):
    job = await house.add("gone")
    async with house.dispatching(runner):
        assert "'gone'" in ((await house.until(job, "failed")).error or "")


async def test_a_failed_job_is_tried_again_from_where_it_was(house: House, runner: LocalJobs):
    job = await house.add(most=4, fail_at=2)
    async with house.dispatching(runner):
        failed = await house.until(job, "failed")
        assert (failed.error, failed.attempt, failed.done) == ("2 cannot be counted.", 1, 2)
        again = await house.retry(job)
        assert again is not None
        assert (again.state, again.error, again.finished_at) == ("queued", None, None)
        failed = await house.until(job, "failed")
    assert failed.attempt == 2
    assert [number for number, *_ in numbers(job)] == [0, 1], "what was counted is not counted again"
    assert await house.retry(await house.add()) is None


async def test_a_queued_job_is_cancelled_at_once(house: House, runner: LocalJobs):
    job = await house.add()
    assert (await house.cancel(job)).state == "cancelled"
    async with house.dispatching(runner):
        other = await house.until(await house.add(), "succeeded")
    assert (await house.look(job)).state == "cancelled"
    assert numbers(job) == []
    assert other.attempt == 1


async def test_a_running_job_stops_at_its_next_report(house: House, runner: LocalJobs):
    job = await house.add(most=10_000, pace_s=0.02)
    async with house.dispatching(runner):
        await house.until_so(job, lambda now: now.done > 2)
        asked = await house.cancel(job)
        assert asked.state == "running"
        ended = await house.until(job, "cancelled")
    counted = len(numbers(job))
    assert ended.done == counted < 10_000
    assert await house.states(job) == ["queued", "running", "running", "cancelled"]
    (process,) = runner.processes.values()
    assert await process.wait() == 0


async def test_a_job_that_does_not_listen_is_ended(house: House, runner: LocalJobs):
    jobs = house.settings.jobs.model_copy(update={"cancel_grace_s": 0.5})
    impatient = replace(house, settings=house.settings.model_copy(update={"jobs": jobs}))
    job = await impatient.add(most=10_000, pace_s=0.05, deaf=True)
    async with impatient.dispatching(runner):
        await impatient.until_so(job, lambda _: numbers(job))
        await impatient.cancel(job)
        assert (await impatient.until(job, "cancelled")).error is None
        (process,) = runner.processes.values()
        assert await process.wait() == -signal.SIGTERM


async def test_a_process_without_signs_of_life_is_replaced_and_what_it_says_later_does_not_count(house: House, runner: LocalJobs):
    job = await house.add(most=40, pace_s=0.1)
    async with house.dispatching(runner):
        await house.until_so(job, lambda now: now.done > 2)
        _, pid, _ = numbers(job)[0]
        os.kill(pid, signal.SIGSTOP)
        await house.until_so(job, lambda now: now.attempt == 2 and now.done > 5)
        os.kill(pid, signal.SIGCONT)
        ended = await house.until(job, "succeeded")
    assert ended.result == {"counted": 40, "attempts": 2}
    assert "jobs.lost_after_s" in (await house.events(job, "state"))[2].data["reason"]
    assert await house.states(job) == ["queued", "running", "queued", "running", "succeeded"]


async def test_what_a_dispatcher_claimed_and_did_not_submit_another_submits(house: House, runner: LocalJobs):
    job = await house.add()
    assert [claimed.id for claimed in await Attempts(house.database, house.settings.jobs).claim()] == [job.id]
    async with house.dispatching(runner):
        ended = await house.until(job, "succeeded")
    assert (ended.attempt, len(runner.processes)) == (1, 1)


async def test_two_dispatchers_start_each_job_once(house: House, runner: LocalJobs):
    jobs = [await house.add(most=1) for _ in range(6)]
    async with house.dispatching(runner, 2):
        ended = [await house.until(job, "succeeded") for job in jobs]
    assert [job.attempt for job in ended] == [1] * 6
    assert len(runner.processes) == 6
    assert all(len(numbers(job)) == 1 for job in jobs)


async def test_the_most_urgent_goes_first_then_the_oldest(house: House):
    old, new, urgent = await house.add(), await house.add(), await house.add(priority=5)
    one = limited(house, concurrent=1)
    order = []
    for _ in range(3):
        (job,) = await one.claim()
        order.append(job.id)
        await one.end(job.id, job.attempt, JobState.CANCELLED)
    assert order == [urgent.id, old.id, new.id]


async def test_an_organisation_has_its_share_and_all_together_theirs(house: House):
    neighbour = await house.neighbour()
    mine = [await house.add(priority=9) for _ in range(5)]
    theirs = [await neighbour.add() for _ in range(2)]
    limits = limited(house, concurrent=3, concurrent_per_organisation=2)
    first = await limits.claim()
    assert [job.id for job in first] == [mine[0].id, mine[1].id, theirs[0].id]
    assert await limits.claim() == []
    await limits.end(first[2].id, 1, JobState.CANCELLED)
    assert [job.id for job in await limits.claim()] == [theirs[1].id], "the first organisation has its two"


async def test_many_claiming_at_once_stay_within_the_limits(house: House):
    for _ in range(12):
        await house.add()
    limits = limited(house, concurrent=5, concurrent_per_organisation=5)
    claimed = [job.id for jobs in await asyncio.gather(*(limits.claim() for _ in range(8))) for job in jobs]
    assert len(claimed) == len(set(claimed)) == 5


async def test_old_jobs_are_removed(house: House, runner: LocalJobs):
    job, queued = await house.add(), await house.add()
    await house.cancel(job)
    async with house.database.session() as session:
        assert await Jobs(session).remove_lapsed(timedelta(days=1)) == 0
        assert await Jobs(session).remove_lapsed(timedelta(0)) == 1
    assert (await house.look(queued)).state == "queued"
