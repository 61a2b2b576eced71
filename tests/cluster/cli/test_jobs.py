"""``hearth jobs`` against an API that is really served, with jobs that really run."""

from __future__ import annotations

import asyncio
import json
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cluster.cli.jobs import jobs_app
from cluster.errors import BadInput, EngineError
from cluster.fakes.jobs import LocalJobs
from cluster.home import Home
from cluster.jobs.store import NewJob
from cluster.runtime.processes import MARK
from cluster.runtime.state import RunState, write_state
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.metering import served
from tests.api.fixtures.people import Person, add_person
from tests.api.fixtures.working import working_app
from tests.cluster.jobs.house import forget_jobs, quick_settings

Run = Callable[..., Awaitable[Result]]
Add = Callable[..., Awaitable[str]]


@pytest.fixture
async def person(stores: StoreClients) -> Person:
    return await add_person(stores)


@pytest.fixture
async def house(stores: StoreClients, store_settings: Settings, person: Person, tmp_path: Path) -> AsyncIterator[tuple[Run, Add]]:
    """``hearth jobs WORDS``, where a process stands for the head of a running cluster; and a way to hand jobs in."""
    home = Home(tmp_path)
    home.keys.mkdir()
    home.admin_key.write_text(person.key)
    await forget_jobs(stores)
    head = await asyncio.create_subprocess_exec("sleep", "120", env={**os.environ, MARK: home.mark})
    runner = LocalJobs()
    app = working_app(quick_settings(tmp_path, store_settings), stores, runner)
    desk = app.state.jobs
    await desk.start()
    async with served(app) as address:
        write_state(home, RunState(pid=head.pid, phase="ready", profile="laptop", base_url=address, started_at=time.time()))

        async def run(*words: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, jobs_app, [*words, "--home", str(tmp_path)])

        async def add(**spec: Any) -> str:
            told = {"most": 3, "file": str(tmp_path / "numbers.txt")} | spec
            async with stores.database.session() as session:
                return str((await desk.enqueue(session, NewJob("count", person.organisation_id, person.user_id, told))).id)

        yield run, add
    await desk.stop()
    await runner.end()
    await forget_jobs(stores)
    head.terminate()
    await head.wait()


async def test_a_job_is_followed_to_its_end_then_shown_and_listed(house: tuple[Run, Add]):
    run, add = house
    job_id = await add(most=3, pace_s=0.1)
    followed = await run("log", job_id, "--follow")
    assert followed.exit_code == 0, followed.output
    assert "attempt 1 begins at 0" in followed.output
    assert (await run("log", job_id)).output.strip().endswith("attempt 1 begins at 0")
    shown = (await run("show", job_id)).output
    assert "succeeded" in shown
    assert "3/3 numbers counting" in shown
    assert json.loads((await run("show", job_id, "--json")).output)["result"]["counted"] == 3
    listed = (await run("list", "--state", "succeeded", "--kind", "count")).output
    assert job_id in listed
    assert json.loads((await run("list", "--state", "failed", "--json")).output) == []


async def test_a_failure_is_told_and_tried_again(house: tuple[Run, Add]):
    run, add = house
    job_id = await add(fail_at=1)
    failed = await run("log", job_id, "--follow")
    assert isinstance(failed.exception, EngineError)
    assert "1 cannot be counted." in str(failed.exception)
    assert f"{job_id} is queued." in (await run("retry", job_id)).output


async def test_a_job_is_cancelled_and_an_unknown_one_is_refused_in_the_apis_words(house: tuple[Run, Add]):
    run, add = house
    job_id = await add(most=10_000, pace_s=0.05)
    assert "cancel" in (await run("cancel", job_id)).output
    ended = await run("log", job_id, "--follow")
    assert isinstance(ended.exception, EngineError)
    assert "cancelled" in str(ended.exception)
    refused = await run("show", "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11")
    assert isinstance(refused.exception, BadInput)
    assert "There is no job" in str(refused.exception)
