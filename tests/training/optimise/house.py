"""A box that serves hearth-nano, as `hearth up` would have started it, and steps of optimisations on it."""

from __future__ import annotations

import asyncio
import json
import uuid
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from anyio.from_thread import start_blocking_portal

import api.tables  # noqa: F401 - rows refer to tables that the API has
from cluster.cli.options import profile_and_settings
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from cluster.jobs.kinds import JOB_KINDS
from cluster.jobs.store import Jobs, NewJob
from cluster.jobs.table import Job
from cluster.jobs.work import working
from cluster.optimising.box import Box
from cluster.optimising.store import KIND, Found, Optimisations
from cluster.optimising.wanted import Step, Wanted
from cluster.runtime.compose import make_launch
from cluster.runtime.launch import launch_file
from cluster.settings import Settings
from cluster.settings.optimising import OptimisingSettings
from cluster.specs.profile import ProfileSpec
from cluster.stores.clients import StoreClients
from cluster.stores.sql import Database
from cluster.stores.urls import database_url
from tests.cluster.jobs.house import House, found, quick_settings
from training.optimise.job import Optimising
from training.optimise.measuring import Rigs

NANO = "hearth-nano"
PROFILE: dict[str, Any] = {
    "name": "one",
    "description": "hearth-nano alone.",
    "devices": "cpu",
    "models": [{"model": NANO, "pinned": True, "context_tokens": 512, "parallel": 4}],
}
LIMITS = OptimisingSettings(rounds=4, resamples=500, quiet_s=0, answer_tokens=8, prompt_words=8, texts=8, patience_s=30)


@dataclass(frozen=True)
class Box1:
    """``house``: an organisation on the home where the box lives."""

    house: House
    settings: Settings

    @property
    def home(self) -> Home:
        return Home(self.settings.home)

    def box(self) -> Box:
        return Box.of(self.home)

    def profile(self) -> ProfileSpec:
        """What `hearth up` and `hearth plan` would read."""
        return profile_and_settings(self.settings.profile, {"home": self.settings.home})[0]

    def start(self) -> None:
        """As `hearth down` and `hearth up`."""
        launch_file(self.home).write_text(make_launch(self.profile(), self.settings, self.home, lambda step: None).model_dump_json())


async def box_of(stores: StoreClients, store_settings: Settings, folder: Path, told: dict[str, Any] = PROFILE) -> Box1:
    profile = folder / "one.yaml"
    profile.write_text(json.dumps(told))
    settings = quick_settings(folder, store_settings).model_copy(update={"profile": str(profile), "optimising": LIMITS})
    made = Box1(await found(stores.database, settings, folder), settings)
    made.start()
    return made


@dataclass
class Asked:
    """An optimisation, in an organisation of its own."""

    box: Box1
    id: uuid.UUID
    job: Job
    rigs: Rigs
    gateway: FakeGateway = field(default_factory=FakeGateway)

    async def run(self) -> Job:
        """As the process of its latest job would, in a thread; raises what that would raise."""
        await asyncio.to_thread(self._run)
        return await self.box.house.look(self.job)

    async def step(self, do: str, change: int = 0) -> None:
        """Another job about it."""
        self.job = await enqueue(self.box.house, self.id, Step.model_validate({"optimisation": self.id, "do": do, "change": change}))

    async def found(self) -> Found:
        async with self.box.house.database.session() as session:
            return await Optimisations(session).get(self.box.house.organisation_id, self.id)

    async def samples(self) -> list[tuple[str, int, str, float]]:
        async with self.box.house.database.session() as session:
            return [(row.measurement, row.round, row.setting, row.value) for row in await Optimisations(session).samples(self.id)]

    def _run(self) -> None:
        settings = self.box.settings
        with start_blocking_portal() as portal, working(settings, self.job.id) as work:
            database = Database(database_url(settings), settings.storage)
            wait: Any = portal.call
            try:
                work.result = Optimising.of(work, wait, self.gateway, database, self.rigs).run()
            finally:
                portal.call(database.close)


async def asked(box: Box1, rigs: Rigs, **wanted: Any) -> Asked:
    told = Wanted.model_validate({"optimisers": ["parallel"], **wanted})
    async with box.house.database.session() as session:
        row = await Optimisations(session).add(box.house.organisation_id, box.house.owner_id, told)
    return Asked(box, row.id, await enqueue(box.house, row.id, Step(optimisation=row.id)), rigs)


async def enqueue(house: House, optimisation_id: uuid.UUID, step: Step) -> Job:
    new = NewJob(KIND, house.organisation_id, house.owner_id, step.model_dump(mode="json"))
    async with house.database.session() as session:
        job = await Jobs(session).enqueue(new, JOB_KINDS, house.settings.jobs)
        (await Optimisations(session).get(house.organisation_id, optimisation_id)).row.job_id = job.id
    return job
