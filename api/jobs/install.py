"""Puts jobs into an application: their dispatcher runs beside its requests."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.web.deps import Parts
from cluster.home import Home
from cluster.jobs.dispatcher import Dispatcher
from cluster.jobs.kinds import JOB_KINDS, Kinds
from cluster.jobs.ray_jobs import RayJobs
from cluster.jobs.runner import JobRunner
from cluster.jobs.store import Jobs, NewJob
from cluster.jobs.table import Job
from cluster.settings import JobSettings
from cluster.stores.sql import AsyncSession


class JobDesk:
    """Where jobs are handed in."""

    def __init__(self, dispatcher: Dispatcher, runner: JobRunner, kinds: Kinds, settings: JobSettings) -> None:
        self._dispatcher = dispatcher
        self._runner = runner
        self._kinds = kinds
        self._settings = settings

    async def enqueue(self, session: AsyncSession, new: NewJob) -> Job:
        """A queued job, in the caller's transaction: it is there if what it is about is there. Raises BadInput and TooLarge."""
        job = await Jobs(session).enqueue(new, self._kinds, self._settings)
        self.wake()
        return job

    def wake(self) -> None:
        self._dispatcher.wake()

    async def start(self) -> None:
        await self._dispatcher.start()

    async def stop(self) -> None:
        """Jobs that run go on."""
        await self._dispatcher.stop()
        await self._runner.close()


def install_jobs(app: FastAPI, *, kinds: Kinds = JOB_KINDS, runner: JobRunner | None = None) -> JobDesk:
    """Also on ``app.state.jobs``; needs ``app.state.parts``. ``runner``: by default the Ray of the running cluster. Whoever runs the app
    calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    settings = parts.settings
    runs = runner or RayJobs(Home(settings.home), settings.jobs.ray_timeout_s)
    desk = JobDesk(Dispatcher(parts.stores.database, runs, settings, kinds), runs, kinds, settings.jobs)
    app.state.jobs = desk
    return desk


async def desk_of(request: Request) -> JobDesk:
    desk = request.app.state.jobs
    assert isinstance(desk, JobDesk)
    return desk


WithDesk = Annotated[JobDesk, Depends(desk_of)]
