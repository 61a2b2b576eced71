"""What the process of a job says, and when it is no longer listened to."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from cluster.errors import BadInput, Cancelled, Conflict, EngineError, TooLarge
from cluster.home import Home
from cluster.jobs.attempts import Attempts
from cluster.jobs.store import Jobs, NewJob
from cluster.jobs.table import Job
from cluster.jobs.work import RAY_JOB_CONFIG, Superseded, Work, own_ray, submitted_as, working
from cluster.runtime.state import RunState, write_state
from cluster.settings import JobSettings
from tests.cluster.jobs.house import KINDS, House


@pytest.fixture
async def claimed(house: House) -> Job:
    await house.add()
    (job,) = await Attempts(house.database, house.settings.jobs).claim()
    return job


def do(house: House, job: Job, function: Any, attempt: int | None = 1, **changes: Any) -> Any:
    """Runs ``function(work)`` as the process of the job would, in a thread."""
    jobs = house.settings.jobs.model_copy(update=changes)

    def act() -> Any:
        with working(house.settings.model_copy(update={"jobs": jobs}), job.id, attempt) as work:
            return function(work)

    return asyncio.to_thread(act)


async def test_what_is_returned_is_kept(house: House, claimed: Job):
    def act(work: Work) -> None:
        work.progress(1, None, "pages", "reading")
        work.progress(2, 9, "pages", "reading")
        work.result = {"pages": 2}

    await do(house, claimed, act, report_s=100)
    job = await house.look(claimed)
    assert (job.state, job.result) == ("succeeded", {"pages": 2})
    assert (job.done, job.total, job.unit, job.stage) == (2, 9, "pages", "reading"), "the last word is written, however soon it comes"
    assert job.changes == 5, "queued, running, the first word of the stage, the last, succeeded"


async def test_an_error_is_kept_and_raised_on(house: House, claimed: Job):
    def act(_: Work) -> None:
        raise EngineError("The engine\x00 broke; start it anew.")

    with pytest.raises(EngineError):
        await do(house, claimed, act)
    job = await house.look(claimed)
    assert (job.state, job.error) == ("failed", "The engine\ufffd broke; start it anew.")


async def test_a_result_that_is_no_json_or_too_large_is_a_failure(house: House, claimed: Job):
    def act(work: Work) -> None:
        work.result = {"a": object()}

    with pytest.raises(BadInput):
        await do(house, claimed, act)
    assert "not JSON" in ((await house.look(claimed)).error or "")


async def test_cancelling_reaches_a_process_that_only_asks(house: House, claimed: Job):
    def act(work: Work) -> None:
        while True:
            work.check()

    doing = asyncio.ensure_future(do(house, claimed, act, lost_after_s=1))
    await house.until_so(claimed, lambda now: now.started_at)
    await house.cancel(claimed)
    await doing
    assert (await house.look(claimed)).state == "cancelled"


async def test_somebody_elses_cancellation_is_an_error_of_the_job(house: House, claimed: Job):
    def act(_: Work) -> None:
        raise Cancelled("The caller left.")

    with pytest.raises(Cancelled):
        await do(house, claimed, act)
    assert (await house.look(claimed)).state == "failed"


async def test_what_a_superseded_process_says_does_not_count(house: House, claimed: Job):
    attempts = Attempts(house.database, house.settings.jobs)
    said: list[str] = []

    def act(work: Work) -> None:
        work.progress(1)
        asyncio.run_coroutine_threadsafe(attempts.resume(claimed, "lost"), loop).result(10)
        try:
            work.progress(100)
        except Superseded:
            said.append("superseded")
            raise

    loop = asyncio.get_running_loop()
    with pytest.raises(Superseded):
        await do(house, claimed, act)
    job = await house.look(claimed)
    assert (job.state, job.done, said) == ("queued", 1, ["superseded"])


async def test_an_attempt_is_begun_once_and_only_in_its_turn(house: House, claimed: Job):
    for wrong in (2, None):
        with pytest.raises(Conflict):
            await do(house, claimed, lambda _: None, attempt=wrong)
    await do(house, claimed, lambda _: None)
    with pytest.raises(Conflict):
        await do(house, claimed, lambda _: None)


async def test_a_person_may_take_a_queued_job(house: House):
    job = await house.add()
    await do(house, job, lambda work: work.log("by hand"), attempt=None)
    done = await house.look(job)
    assert (done.state, done.attempt, done.submission_id) == ("succeeded", 1, None)


async def test_a_long_log_ends_with_where_the_rest_is(house: House, claimed: Job):
    def act(work: Work) -> None:
        for number in range(5):
            work.log(f"{number}\x00" + "x" * 200)

    await do(house, claimed, act, log_lines=2, log_line_chars=80)
    first, second, last = [event.data["text"] for event in await house.events(claimed, "log")]
    assert (first[:3], len(second)) == ("0\ufffdx", 80)
    assert "jobs.log_lines" in last


async def test_a_job_that_makes_no_sense_is_refused(house: House):
    mine = (house.organisation_id, house.owner_id)
    wrong = ((NewJob("cuont", *mine), "did you mean 'count'"), (NewJob("count", *mine, priority=101), "priority"))
    async with house.database.session() as session:
        for new, words in wrong:
            with pytest.raises(BadInput, match=words):
                await Jobs(session).enqueue(new, KINDS, JobSettings())
        large = NewJob("count", *mine, {"text": "x" * 2000})
        with pytest.raises(TooLarge, match=r"jobs\.spec_bytes"):
            await Jobs(session).enqueue(large, KINDS, JobSettings.model_validate({"spec_bytes": 1024}))


async def test_a_process_that_stays_silent_is_given_up_in_the_end(house: House, claimed: Job):
    attempts = Attempts(house.database, JobSettings(max_attempts=1))
    assert (await attempts.resume(claimed, "It was lost.")) is not None
    job = await house.look(claimed)
    assert job.state == "failed"
    assert (job.error or "").startswith("It was lost. It was tried 1 times")


def test_a_job_reaches_the_ray_of_its_own_cluster_whichever_others_there_are(tmp_path: Path):
    assert own_ray(Home(tmp_path)) == {}
    write_state(Home(tmp_path), RunState(pid=1, phase="starting", profile="p", base_url="http://x", started_at=0.0))
    assert own_ray(Home(tmp_path)) == {}
    told = RunState(pid=1, phase="ready", profile="p", base_url="http://x", started_at=0.0, ray_address="127.0.0.1:4711")
    write_state(Home(tmp_path), told)
    assert own_ray(Home(tmp_path)) == {"RAY_ADDRESS": "127.0.0.1:4711"}


@pytest.mark.parametrize(
    ("said", "known"), [('{"metadata": {"job_submission_id": "x-1"}}', "x-1"), ("{}", None), ("no", None), (None, None)]
)
def test_ray_tells_a_process_what_it_was_submitted_as(said: str | None, known: str | None):
    assert submitted_as({} if said is None else {RAY_JOB_CONFIG: said}) == known
