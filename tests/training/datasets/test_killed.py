"""A job whose process is ended at once, wherever it is, is begun anew, ends with its version, and leaves nothing half done."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Callable

import pytest
import ray

from cluster.fakes.jobs import LocalJobs
from cluster.jobs.dispatcher import Dispatcher
from cluster.jobs.kinds import JOB_KINDS
from cluster.jobs.table import Job
from cluster.runtime.launch import launch_file, read_launch
from cluster.runtime.state import RunState, write_state
from tests.patience import PATIENCE_S
from tests.training.datasets.workshop import Workshop, examples_in, story


@pytest.fixture
async def runner():
    local = LocalJobs()
    yield local
    await local.end()


async def so(workshop: Workshop, job: Job, wanted: Callable[[Job], object]) -> Job:
    """The job, as soon as it is as ``wanted``."""
    async with asyncio.timeout(PATIENCE_S * 2):
        while not wanted(now := await workshop.look(job)):  # noqa: ASYNC110 - what is waited for is in another process
            await asyncio.sleep(0.02)
        return now


async def test_a_killed_process_is_replaced_and_the_version_is_whole(workshop, runner, ray_runtime):
    told = {"profile": "tests", "base_url": "http://localhost", "started_at": time.time()}
    write_state(workshop.home, RunState(pid=os.getpid(), phase="ready", ray_address=str(ray.get_runtime_context().gcs_address), **told))
    launch = read_launch(workshop.home).model_copy(update={"settings": workshop.settings})
    launch_file(workshop.home).write_text(launch.model_dump_json())
    dataset = await workshop.of([story(number) for number in range(400)])
    job = await workshop.queue(dataset)
    dispatcher = Dispatcher(workshop.database, runner, workshop.settings, JOB_KINDS)
    await dispatcher.start()
    try:
        await so(workshop, job, lambda now: now.stage == "examining" and now.done)
        half_done = workshop.left()
        assert [name.startswith(".building-") for name in half_done] == [True]
        (process,) = runner.processes.values()
        os.kill(process.pid, signal.SIGKILL)
        now = await so(workshop, job, lambda now: now.state in ("succeeded", "failed"))
    finally:
        await dispatcher.stop()
    assert (now.state, now.error, now.attempt) == ("succeeded", None, 2)
    version = await workshop.load(dataset)
    assert workshop.left() == [version.sha256]
    assert len(examples_in(version.path_train)) + len(examples_in(version.path_held_out)) == 400
