from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from api.jobs.install import JobDesk
from cluster.fakes.jobs import LocalJobs
from cluster.jobs.store import NewJob
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.people import Person
from tests.api.fixtures.working import working_app
from tests.cluster.jobs.house import forget_jobs, quick_settings

AddJob = Callable[..., Awaitable[str]]


@pytest.fixture
async def runner() -> AsyncIterator[LocalJobs]:
    local = LocalJobs()
    yield local
    await local.end()


@pytest.fixture
async def app(stores: StoreClients, store_settings: Settings, tmp_path: Path, runner: LocalJobs) -> AsyncIterator[FastAPI]:
    await forget_jobs(stores)
    yield working_app(quick_settings(tmp_path, store_settings), stores, runner)
    await forget_jobs(stores)


@pytest.fixture
async def dispatching(app: FastAPI) -> AsyncIterator[None]:
    """Queued jobs run."""
    desk: JobDesk = app.state.jobs
    await desk.start()
    yield
    await desk.stop()


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost", timeout=60) as client:
        yield client


@pytest.fixture
def add_job(app: FastAPI, stores: StoreClients, tmp_path: Path) -> AddJob:
    """``await add_job(person, most=3)``: its id."""
    desk: JobDesk = app.state.jobs

    async def add(person: Person, **spec: Any) -> str:
        told = {"most": 3, "file": str(tmp_path / "numbers.txt")} | spec
        async with stores.database.session() as session:
            job = await desk.enqueue(session, NewJob("count", person.organisation_id, person.user_id, told))
        return str(job.id)

    return add
