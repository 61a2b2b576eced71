"""What the process of a job uses. A module that does one kind of job ends like this::

    def count(work: Work) -> dict[str, Any]:
        for number in range(work.checkpoint.get("done", 0), work.spec["most"]):
            work.progress(number, work.spec["most"], "numbers")
        return {"counted": work.spec["most"]}

    if __name__ == "__main__":
        run_job(count)

It is started as ``python -m MODULE JOB_ID --attempt N --home DIR`` by the dispatcher, and without ``--attempt`` by a person, for a queued
job, on a shell or by ``ray job submit``. Work is synchronous; a thread beside it keeps the row alive.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import signal
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import structlog
from anyio.from_thread import BlockingPortal, start_blocking_portal

from cluster.errors import Cancelled, ConfigError, Conflict, HearthError
from cluster.home import Home
from cluster.jobs.attempts import Attempts, Progress, beat_s
from cluster.jobs.pulse import Pulse, patiently
from cluster.jobs.states import JobState
from cluster.jobs.store import refuse_large
from cluster.jobs.table import Job
from cluster.logs import configure_logging
from cluster.runtime.launch import read_launch
from cluster.runtime.state import read_state
from cluster.settings import Settings, load_settings
from cluster.stores.sql import Database
from cluster.stores.urls import database_url

log = structlog.get_logger(__name__)

Result = dict[str, Any] | None
ERROR_CHARS = 4000
RAY_ADDRESS = "RAY_ADDRESS"
# Where Ray tells a driver what it was submitted as (ray/_private/runtime_env/constants.py of Ray 2.60); its public API wants a connection.
RAY_JOB_CONFIG = "RAY_JOB_CONFIG_JSON_ENV_VAR"


class Superseded(Exception):
    """The job is somebody else's now, or gone; nothing that this process says of it counts any more."""


class Work:
    """One attempt at a job. ``checkpoint``: what the latest attempt noted, empty at first. ``result``: a JSON object to be kept.

    ``progress``, ``log`` and ``check`` raise Cancelled when the job is to stop, and Superseded when it is no longer this process's: let
    both pass. They may be called as often as one likes, from any thread; a database that is away for a while makes them wait.
    """

    def __init__(self, portal: BlockingPortal, attempts: Attempts, settings: Settings, job: Job) -> None:
        self.id = job.id
        self.organisation_id = job.organisation_id
        self.owner_id = job.owner_id
        self.spec: dict[str, Any] = job.spec
        self.attempt = job.attempt
        self.checkpoint: dict[str, Any] = job.checkpoint or {}
        self.settings = settings
        self.result: Result = None
        self._portal = portal
        self._attempts = attempts
        self._pulse = Pulse(job)
        self._reported: tuple[float, str] = (float("-inf"), "")
        self._pending: Progress | None = None

    def progress(
        self, done: int, total: int | None = None, unit: str = "", stage: str = "", *, checkpoint: dict[str, Any] | None = None
    ) -> None:
        """How far it is. Written at most every ``jobs.report_s`` seconds, but always with the first word of a stage and with a
        ``checkpoint``, which replaces the one before."""
        self._pending = Progress(done, total, unit, stage)
        at, before = self._reported
        if checkpoint is None and stage == before and time.monotonic() - at < self.settings.jobs.report_s:
            self.check()
            return
        refuse_large(checkpoint, self.settings.jobs, "The checkpoint")
        self._report(checkpoint)

    def log(self, text: str) -> None:
        """A line for whoever follows the job; also on standard output, which Ray keeps."""
        print(text, flush=True)  # noqa: T201 - Ray keeps what a job prints
        self._write(lambda: self._attempts.log(self.id, self.attempt, text))

    def check(self) -> None:
        """Raises Cancelled or Superseded when it is time to stop."""
        if self._pulse.lost:
            raise Superseded(f"Attempt {self.attempt} at job {self.id} is over.")
        if self._pulse.cancelling:
            raise Cancelled("The job was cancelled.")

    @property
    def cancelling(self) -> bool:
        return self._pulse.cancelling

    @contextmanager
    def alive(self) -> Iterator[None]:
        """Gives signs of life in the background."""
        beats = partial(self._attempts.beat, self.id, self.attempt)
        beating = self._portal.start_task_soon(self._pulse.beat, beats, beat_s(self.settings.jobs))
        try:
            yield
        finally:
            self._portal.call(self._pulse.stop)
            beating.result()

    def end(self, state: JobState, **values: Any) -> None:
        """Writes how it ended, once. Raises Superseded when that is no longer this process's to say."""
        if self._pending is not None and not self._pulse.lost:
            self._note(self._patiently(lambda: self._attempts.report(self.id, self.attempt, self._pending or Progress(), None)))
        # Not whether the pulse is lost: a beat that comes behind this finds the job ended, and no longer its own.
        if self._patiently(lambda: self._attempts.end(self.id, self.attempt, state, **values)) is None:
            raise Superseded(f"Attempt {self.attempt} at job {self.id} is over.")

    def _report(self, checkpoint: dict[str, Any] | None) -> None:
        progress, self._pending = self._pending or Progress(), None
        self._reported = (time.monotonic(), progress.stage)
        self._write(lambda: self._attempts.report(self.id, self.attempt, progress, checkpoint))

    def _write(self, write: Callable[[], Awaitable[Job | None]]) -> None:
        """Written before it is asked whether to stop: what was done up to here is not lost."""
        self._note(self._patiently(write))
        self.check()

    def _patiently(self, write: Callable[[], Awaitable[Job | None]]) -> Job | None:
        return self._portal.call(patiently, write, self.settings.jobs.lost_after_s)

    def _note(self, job: Job | None) -> None:
        self._pulse.note(job)


@contextmanager
def working(settings: Settings, job_id: uuid.UUID, attempt: int | None = None, submission_id: str | None = None) -> Iterator[Work]:
    """Begins the job, and writes how the block ended: ``work.result`` when it ends in order, cancelled when it was asked to be, else failed
    with the error, which is raised on. Raises Conflict when the job is not there to be done."""
    with start_blocking_portal() as portal:
        database = Database(database_url(settings), settings.storage)
        try:
            attempts = Attempts(database, settings.jobs)
            job = portal.call(patiently, lambda: attempts.begin(job_id, attempt, submission_id), settings.jobs.lost_after_s)
            if job is None:
                raise Conflict(f"Job {job_id} is not waiting for {'anybody' if attempt is None else f'attempt {attempt}'} to do it.")
            work = Work(portal, attempts, settings, job)
            with work.alive(), _ended(work):
                yield work
        finally:
            portal.call(database.close)


@contextmanager
def _ended(work: Work) -> Iterator[None]:
    try:
        yield
        refuse_large(work.result, work.settings.jobs, "The result of the job")
    except Superseded:
        raise
    except Exception as error:
        if isinstance(error, Cancelled) and work.cancelling:
            work.end(JobState.CANCELLED)
            return
        work.end(JobState.FAILED, error=_explained(error))
        raise
    work.end(JobState.SUCCEEDED, result=work.result)


def run_job(function: Callable[[Work], Result]) -> None:
    """The main of a module that does one kind of job; ``function`` returns the result."""
    parser = argparse.ArgumentParser(description="Does one job.")
    parser.add_argument("job_id", type=uuid.UUID)
    parser.add_argument("--attempt", type=int, help="Set by the dispatcher; without it, a queued job is taken.")
    parser.add_argument("--home", type=Path, help="Folder of all state (default: HEARTH_HOME, else ~/.hearth).")
    words = parser.parse_args()
    settings = _settings(words.home)
    configure_logging(settings.log)
    os.environ.update(own_ray(Home(settings.home)))
    try:
        with working(settings, words.job_id, words.attempt, submitted_as(os.environ)) as work:
            work.result = function(work)
    except (Superseded, Conflict) as reason:
        log.warning("nothing is left to do for this process", reason=str(reason))
    finally:
        # The row has ended, so nobody watches this process any more; what a library left behind must not keep it, and its workers, alive.
        signal.alarm(math.ceil(settings.jobs.exit_grace_s))


def own_ray(home: Home) -> dict[str, str]:
    """What the environment must say for a process to reach the Ray of the cluster of ``home``, where it runs. Ray's job server looks for
    any Ray on the machine and tells its jobs of the one it finds: where there are two, maybe of the other."""
    state = read_state(home)
    return {RAY_ADDRESS: state.ray_address} if state is not None and state.ray_address is not None else {}


def submitted_as(environment: Mapping[str, str]) -> str | None:
    """The id under which Ray knows this process; None when it was not started by Ray's job server."""
    try:
        config = json.loads(environment.get(RAY_JOB_CONFIG, "{}"))
    except ValueError:
        return None
    submission_id = config.get("metadata", {}).get("job_submission_id")
    return submission_id if isinstance(submission_id, str) else None


def _settings(home: Path | None) -> Settings:
    """Those of the running cluster."""
    root = load_settings(flags={"home": home}).home
    try:
        return read_launch(Home(root)).settings
    except FileNotFoundError:
        raise ConfigError(f"No cluster was started below {root}; start it with `hearth up`, or name its folder with --home.") from None


def _explained(error: Exception) -> str:
    words = error.message if isinstance(error, HearthError) else f"{type(error).__name__}: {error}"
    return words.replace("\x00", "\ufffd")[:ERROR_CHARS]
