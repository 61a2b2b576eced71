"""``hearth optimize`` against an API that is really served."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import typer
from sqlalchemy import select, update
from typer.testing import CliRunner, Result

from api.app import create_app
from cluster.cli.optimize import optimize
from cluster.errors import BadInput
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.jobs.table import Job
from cluster.optimising.table import Optimisation, OptimisationChange
from cluster.runtime.processes import MARK
from cluster.runtime.state import RunState, write_state
from cluster.serving.vectors import ServeVectors
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.metering import served
from tests.api.fixtures.people import Person, add_person
from tests.patience import PATIENCE_S

Run = Callable[..., Awaitable[Result]]
CHANGE = {"kind": "served", "model": "fake-llm", "field": "parallel", "before": 4, "after": 8}


@pytest.fixture
async def person(stores: StoreClients) -> Person:
    return await add_person(stores)


@pytest.fixture
async def run(stores: StoreClients, store_settings: Settings, person: Person, tmp_path: Path) -> AsyncIterator[Run]:
    """``hearth optimize WORDS``, where a process stands for the head of a running cluster."""
    home = Home(tmp_path)
    home.keys.mkdir()
    home.admin_key.write_text(person.key)
    app = typer.Typer()
    app.command()(optimize)
    head = await asyncio.create_subprocess_exec("sleep", "300", env={**os.environ, MARK: home.mark})
    async with served(create_app(FakeGateway(), store_settings, stores, ServeVectors(store_settings.vectors))) as address:
        write_state(home, RunState(pid=head.pid, phase="ready", profile="laptop", base_url=address, started_at=time.time()))

        async def run(*words: str) -> Result:
            return await asyncio.to_thread(CliRunner().invoke, app, [*words, "--home", str(tmp_path)])

        yield run
    head.terminate()
    await head.wait()


async def end_job(stores: StoreClients, person: Person, state: str) -> None:
    """Does what the job of the newest optimisation of ``person`` would, as soon as there is one."""
    chosen = select(Optimisation).where(Optimisation.organisation_id == person.organisation_id, Optimisation.job_id.is_not(None))
    async with asyncio.timeout(PATIENCE_S):
        while True:
            async with stores.database.session() as session:
                row = await session.scalar(chosen)
                if row is not None:
                    told = {
                        "optimiser": "parallel",
                        "subject": "fake-llm",
                        "reason": "Faster by half.",
                        "how": "At once.",
                        "change": CHANGE,
                    }
                    session.add(OptimisationChange(optimisation_id=row.id, number=0, state=state, **told))
                    await session.execute(update(Job).where(Job.id == row.job_id).values(state="succeeded"))
                    return
            await asyncio.sleep(0.05)


async def test_what_was_found_is_shown_with_what_to_do_about_it(run: Run, stores: StoreClients, person: Person):
    ran, _ = await asyncio.gather(run("parallel", "--model", "fake-llm"), end_job(stores, person, "proposed"))
    assert ran.exit_code == 0, ran.output
    assert "parallel fake-llm: proposed" in ran.output
    assert "Faster by half." in ran.output
    assert "`hearth optimize parallel --model fake-llm --apply`" in ran.output


async def test_as_json_it_is_what_the_api_says(run: Run, stores: StoreClients, person: Person):
    ran, _ = await asyncio.gather(run("--apply", "--json"), end_job(stores, person, "applied"))
    found = json.loads(ran.output.splitlines()[-1])
    assert (found["asked"]["apply"], found["changes"][0]["state"]) == (True, "applied")


async def test_what_the_api_refuses_is_said(run: Run):
    with pytest.raises(BadInput, match="did you mean 'fake-llm'"):
        raise (await run("--model", "fake-lm")).exception or AssertionError("nothing was refused")
    assert (await run("--revert", f"{uuid.uuid4()}.0")).exit_code != 0
