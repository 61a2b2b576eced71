"""Starts queued jobs, and sees to it that no job says "running" when nothing runs.

Every replica of the API has a dispatcher, and none leads: claiming is one transaction under an advisory lock, what is claimed is submitted
under an id that stands in the row, and running rows are shared out by SKIP LOCKED. So one that dies in between leaves nothing that another
does not finish, without waiting for anybody's lease to run out.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from datetime import timedelta

import structlog
from sqlalchemy.exc import SQLAlchemyError

from cluster.errors import Unavailable
from cluster.home import Home
from cluster.jobs.attempts import Attempts, Running
from cluster.jobs.judge import Judgement, Verdict, judge
from cluster.jobs.kinds import Kinds
from cluster.jobs.runner import JobRunner, command_of
from cluster.jobs.states import JobState
from cluster.jobs.store import Jobs
from cluster.jobs.table import Job
from cluster.settings import Settings
from cluster.stores.sql import Database

log = structlog.get_logger(__name__)

CLEAN_EVERY_S = 3600.0


class Dispatcher:
    """Belongs to one event loop. ``runner`` stays the caller's to close. ``kinds``: the module of each kind of job."""

    def __init__(self, database: Database, runner: JobRunner, settings: Settings, kinds: Kinds) -> None:
        self._database = database
        self._runner = runner
        self._settings = settings.jobs
        self._home = Home(settings.home)
        self._kinds = kinds
        self._attempts = Attempts(database, settings.jobs)
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._cleaned = float("-inf")

    async def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """What runs goes on; others, or this one when it starts again, look after it."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))

    def wake(self) -> None:
        """Look now: something was queued or is to be cancelled."""
        self._woken.set()

    async def turn(self) -> None:
        """One look at everything. Raises what the database raises."""
        await asyncio.gather(*(self._submit(job) for job in await self._attempts.claim()))
        await asyncio.gather(*(self._examine(running) for running in await self._attempts.due()))
        await self._clean_up()

    async def _run(self) -> None:
        while True:
            self._woken.clear()
            try:
                await self.turn()
            except (SQLAlchemyError, OSError) as error:
                log.warning("jobs could not be looked after; it is tried again", error=type(error).__name__)
            except Exception:
                # Whatever it is, jobs that wait for it to be over must not wait for ever.
                log.exception("jobs could not be looked after; it is tried again")
            with suppress(TimeoutError):
                async with asyncio.timeout(self._settings.look_s):
                    await self._woken.wait()

    async def _submit(self, job: Job) -> None:
        """A failure is only noted: the row says that it was not begun, and the next look submits it again."""
        assert job.submission_id is not None
        module = self._kinds.get(job.kind)
        if module is None:
            await self._attempts.end(job.id, job.attempt, JobState.FAILED, error=f"There are no jobs of kind '{job.kind}' any more.")
            return
        about = {"job": str(job.id), "kind": job.kind, "organisation": str(job.organisation_id), "attempt": str(job.attempt)}
        try:
            await self._runner.submit(job.submission_id, command_of(job, module, self._home), about)
        except Unavailable as error:
            log.warning("a job was not submitted; it is tried again", job=str(job.id), error=error.message)

    async def _examine(self, running: Running) -> None:
        job = running.job
        try:
            process = await self._runner.look(job.submission_id) if job.submission_id is not None else None
            judgement = judge(running, process, self._settings)
            if process is not None and process.alive and judgement.verdict in {Verdict.CANCEL, Verdict.RESUME}:
                await self._runner.stop(job.submission_id or "")
        except Unavailable as error:
            log.warning("a job could not be looked at; it is tried again", job=str(job.id), error=error.message)
            return
        await self._carry_out(job, judgement)

    async def _carry_out(self, job: Job, judgement: Judgement) -> None:
        if judgement.verdict is Verdict.SUBMIT:
            await self._submit(job)
        elif judgement.verdict is Verdict.CANCEL:
            await self._attempts.end(job.id, job.attempt, JobState.CANCELLED)
        elif judgement.verdict is Verdict.RESUME:
            await self._attempts.resume(job, judgement.reason)
            log.warning("a job's process was lost", job=str(job.id), attempt=job.attempt, reason=judgement.reason)

    async def _clean_up(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._cleaned < CLEAN_EVERY_S:
            return
        async with self._database.session() as session:
            removed = await Jobs(session).remove_lapsed(timedelta(days=self._settings.kept_days))
        self._cleaned = now
        if removed:
            log.info("old jobs removed", jobs=removed)
