"""Where jobs of the tests live: an organisation, a queue without anybody else's jobs, and settings that are quick."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import text

from cluster.home import Home
from cluster.jobs.dispatcher import Dispatcher
from cluster.jobs.runner import JobRunner
from cluster.jobs.store import Jobs, NewJob
from cluster.jobs.table import Job, JobEvent
from cluster.runtime.launch import Launch, launch_file
from cluster.serving.args import LedgerArgs
from cluster.settings import JobSettings, Settings
from cluster.stores.clients import StoreClients
from cluster.stores.sql import Database
from cluster.stores.urls import database_url
from tests.organisations import new_organisation

KINDS = {"count": "tests.cluster.jobs.counting"}
QUICK = JobSettings(look_s=0.1, lost_after_s=5, cancel_grace_s=20, exit_grace_s=1, resume_wait_s=0, report_s=0, keepalive_s=0.2)
PATIENCE_S = 60


def quick_settings(folder: Path, stores: Settings, **changes: Any) -> Settings:
    """Settings of a home of its own on the shared stores, with the launch file that processes of jobs read."""
    address = folder / "database.url"
    address.touch(mode=0o600)
    address.write_text(database_url(stores))
    jobs = QUICK.model_copy(update=changes)
    settings = Settings(home=folder, storage=stores.storage.model_copy(update={"database_url_file": address}), jobs=jobs)
    ledger = LedgerArgs(state_dir=str(folder))
    nothing: dict[str, Any] = {"num_cpus": 1, "gpus": (), "memory_bytes": 0, "turns": False, "serve_config": {}}
    launch = Launch(profile="tests", settings=settings, ledger=ledger, **nothing)
    launch_file(Home(folder)).parent.mkdir(exist_ok=True)
    launch_file(Home(folder)).write_text(launch.model_dump_json())
    return settings


@dataclass(frozen=True)
class House:
    database: Database
    settings: Settings
    organisation_id: uuid.UUID
    owner_id: uuid.UUID
    folder: Path

    async def neighbour(self) -> House:
        return await found(self.database, self.settings, self.folder)

    async def add(self, kind: str = "count", priority: int = 0, **spec: Any) -> Job:
        told = {"most": 3, "file": str(self.folder / f"{uuid.uuid4().hex}.txt")} | spec
        async with self.database.session() as session:
            new = NewJob(kind, self.organisation_id, self.owner_id, told, priority)
            return await Jobs(session).enqueue(new, {kind: "", **KINDS}, self.settings.jobs)

    async def look(self, job: Job) -> Job:
        async with self.database.session() as session:
            return await Jobs(session).get(self.organisation_id, job.id)

    async def events(self, job: Job, kind: str | None = None) -> list[JobEvent]:
        async with self.database.session() as session:
            return list(await Jobs(session).events(job.id, 0, 1000, kind))

    async def states(self, job: Job) -> list[str]:
        return [str(event.data["state"]) for event in await self.events(job, "state")]

    async def cancel(self, job: Job) -> Job:
        async with self.database.session() as session:
            jobs = Jobs(session)
            return await jobs.cancel(await jobs.get(self.organisation_id, job.id, lock=True))

    async def retry(self, job: Job) -> Job | None:
        async with self.database.session() as session:
            jobs = Jobs(session)
            return await jobs.retry(await jobs.get(self.organisation_id, job.id, lock=True))

    async def until(self, job: Job, *states: str) -> Job:
        """The job, as soon as it is in one of ``states``."""
        return await self.until_so(job, lambda now: now.state in states)

    async def until_so(self, job: Job, so: Callable[[Job], object]) -> Job:
        async with asyncio.timeout(PATIENCE_S):
            while not so(now := await self.look(job)):  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.05)
            return now

    def dispatcher(self, runner: JobRunner, kinds: dict[str, str] | None = None) -> Dispatcher:
        return Dispatcher(self.database, runner, self.settings, KINDS if kinds is None else kinds)

    @asynccontextmanager
    async def dispatching(self, runner: JobRunner, count: int = 1):
        dispatchers = [self.dispatcher(runner) for _ in range(count)]
        for dispatcher in dispatchers:
            await dispatcher.start()
        try:
            yield dispatchers
        finally:
            for dispatcher in dispatchers:
                await dispatcher.stop()


async def found(database: Database, settings: Settings, folder: Path) -> House:
    """A new organisation with one member."""
    organisation, user = await new_organisation(database)
    return House(database, settings, organisation, user, folder)


async def forget_jobs(stores: StoreClients) -> None:
    """The limits hold for the whole cluster, so jobs of other tests would be counted."""
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM jobs"))


def numbers(job: Job) -> list[tuple[int, int, int]]:
    """What the job wrote: number, process, attempt."""
    file = Path(job.spec["file"])
    lines = file.read_text().splitlines() if file.exists() else []
    return [(int(a), int(b), int(c)) for a, b, c in (line.split() for line in lines)]
