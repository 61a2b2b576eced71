"""What somebody may do with trainings: see those of the organisation, start some as an editor, and cancel their own; an admin cancels any.

A training is a job, and nothing else is kept of it but its folder.
"""

from __future__ import annotations

import asyncio
import re
import uuid
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from api.audit.trail import Trail
from api.fine_tuning.data import TrainingData
from api.fine_tuning.openai_schemas import (
    Checkpoint,
    CheckpointMetrics,
    EventPage,
    FineTuningEvent,
    FineTuningJob,
    FineTuningPage,
    PageQuery,
    job_id_of,
    job_name,
)
from api.fine_tuning.schemas import Tuning
from api.jobs.install import JobDesk
from api.web.principal import Principal, Role
from cluster.errors import BadInput, Forbidden, NotFound, TooLarge, Unprocessable
from cluster.home import Home
from cluster.jobs.states import JobState
from cluster.jobs.store import Jobs, NewJob, Wanted
from cluster.jobs.table import Job, JobEvent
from cluster.learning.tuning.folders import Figures, read_metrics, tuning_folder
from cluster.learning.tuning.spec import KIND, PRIORITY, DataFile, DataVersion, Hyperparameters, Method, TuningSpec, name_of
from cluster.learning.tuning.weights import find_base, refuse_unquantizable
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession

EVENTS = 20_000
_STEP = re.compile(r"^(?:Trial (\d+): )?Step (\d+)/\d+: (training|validation) loss=")
_FIGURE = {"training": "train_loss", "validation": "held_out_loss"}


@dataclass(frozen=True, slots=True)
class Start:
    """What is asked for, whichever API asked."""

    model: str
    training_file: str
    validation_file: str | None
    parameters: Hyperparameters
    method: Method
    workers: int = 1
    name: str | None = None
    suffix: str | None = None
    labels: dict[str, str] | None = None


class TuningService:
    def __init__(self, session: AsyncSession, principal: Principal, trail: Trail, desk: JobDesk, settings: Settings) -> None:
        self._session = session
        self._jobs = Jobs(session)
        self._principal = principal
        self._trail = trail
        self._desk = desk
        self._settings = settings
        self._home = Home(settings.home)

    async def start(self, asked: Start) -> Job:
        """The job, queued. Everything that can be known to be wrong is refused now: base, files, every line of them. Raises ModelNotFound,
        Conflict, NotFound, BadInput and Unprocessable."""
        if asked.workers > self._settings.tuning.most_workers:
            raise TooLarge(f"At most {self._settings.tuning.most_workers} workers train together (setting tuning.most_workers).").about(
                "workers"
            )
        refuse_unquantizable(asked.method)
        self._refuse_large_search(asked)
        await asyncio.to_thread(find_base, asked.model, self._home)
        data = TrainingData(self._session, self._principal.organisation_id, self._home, self._settings.tuning, asked.method)
        train, validation = await data.training(asked.training_file), await data.validation(asked.validation_file)
        told: dict[str, Any] = {"base": asked.model, "name": asked.name or name_of(asked.suffix), "train": train, "validation": validation}
        told |= {"parameters": asked.parameters, "method": asked.method}
        refuse_search(asked, train, validation)
        try:
            spec = TuningSpec(**told, workers=asked.workers, suffix=asked.suffix, labels=asked.labels)
        except ValidationError as error:
            raise Unprocessable(error.errors(include_url=False)[0]["msg"]).about("validation_file") from None
        who = self._principal
        job = await self._desk.enqueue(
            self._session, NewJob(KIND, who.organisation_id, who.user_id, spec.model_dump(mode="json"), PRIORITY)
        )
        self._trail.record("fine_tuning.started", f"job:{job.id}", model=spec.base, training_file=spec.train.name)
        return job

    def _refuse_large_search(self, asked: Start) -> None:
        search, most = asked.parameters.search, self._settings.tuning.most_trials
        if search is not None and search.trials > most:
            raise TooLarge(f"At most {most} trainings are tried in one search (setting tuning.most_trials).").about(
                "hyperparameters.search.trials"
            )

    async def one(self, job_id: uuid.UUID | None, *, lock: bool = False) -> Job:
        """Raises NotFound, also for a job of another kind."""
        if job_id is not None:
            job = await self._jobs.get(self._principal.organisation_id, job_id, lock=lock)
            if job.kind == KIND:
                return job
        raise NotFound("There is no such training; GET /v1/fine_tuning/jobs lists those there are.")

    async def cancel(self, job_id: uuid.UUID | None) -> Job:
        """What has ended stays as it ended, so that cancelling twice is no mistake."""
        job = await self.one(job_id, lock=True)
        if job.owner_id != self._principal.user_id and not self._principal.role.includes(Role.ADMIN):
            raise Forbidden("The training is somebody else's; ask them, or an admin of your organisation.")
        self._trail.record("fine_tuning.cancelled", f"job:{job.id}")
        cancelled = await self._jobs.cancel(job)
        self._desk.wake()
        return cancelled

    async def metrics(self, job: Job) -> list[Figures]:
        return await asyncio.to_thread(read_metrics, tuning_folder(self._home, job.organisation_id, job.id))

    async def shown(self, job: Job) -> Tuning:
        return Tuning.of(job, spec_of(job), await self.metrics(job))

    async def page(self, asked: PageQuery) -> FineTuningPage:
        """The newest first."""
        after = await self.one(job_id_of(asked.after)) if asked.after is not None else None
        wanted = Wanted(kind=KIND, before=(after.created_at, after.id) if after is not None else None)
        found = await self._jobs.page(self._principal.organisation_id, wanted, asked.limit + 1)
        shown = [FineTuningJob.of(job, spec_of(job)) for job in found[: asked.limit]]
        return FineTuningPage(data=shown, has_more=len(found) > asked.limit)

    async def events(self, job: Job, asked: PageQuery) -> EventPage:
        """What happened, the latest first."""
        before = _event_number(job, asked.after)
        measured = await self.metrics(job)
        figures = {(_trial(one), int(one["step"]), name): one for one in measured for name in _FIGURE.values() if name in one}
        found = [event for event in await self._jobs.events(job.id, 0, EVENTS) if before is None or event.number < before]
        shown = [_event(job, event, figures) for event in found[::-1][: asked.limit]]
        return EventPage(data=shown, has_more=len(found) > asked.limit)

    async def checkpoints(self, job: Job) -> list[Checkpoint]:
        """Those that can be asked: the adapter that came of it, once it has ended."""
        if job.state != JobState.SUCCEEDED or job.result is None or job.finished_at is None:
            return []
        figures = await self.metrics(job)
        best = min((one for one in figures if "held_out_loss" in one), key=lambda one: one["held_out_loss"], default=None)
        step = int(best["step"]) if best is not None else int(job.result["lineage"]["metrics"]["steps"])
        same = [one for one in figures if best is None or _trial(one) == _trial(best)]
        losses = [one["train_loss"] for one in same if "train_loss" in one and one["step"] <= step]
        told = CheckpointMetrics(
            step=step, train_loss=losses[-1] if losses else None, full_valid_loss=best["held_out_loss"] if best is not None else None
        )
        return [
            Checkpoint(
                id=f"ftckpt-{job.id.hex}",
                created_at=int(job.finished_at.timestamp()),
                fine_tuned_model_checkpoint=job.result["model"],
                fine_tuning_job_id=job_name(job.id),
                metrics=told,
                step_number=step,
            )
        ]


def refuse_search(asked: Start, train: DataFile | DataVersion, validation: DataFile | None) -> None:
    """Raises BadInput for a search on several workers, and for one whose trials nothing would compare."""
    if asked.parameters.search is None:
        return
    if asked.workers > 1:
        raise BadInput("The trials of a search run one after another on one worker; leave 'workers' out.").about("workers")
    share = asked.parameters.held_out
    held_out = train.held_out if isinstance(train, DataVersion) and train.held_out else round(train.examples * share)
    if validation is None and not held_out:
        raise BadInput(
            f"A search compares trials by examples that are held out, and of {train.examples} examples a share of {share:g} is none; "
            "name a validation file, or raise 'held_out'."
        ).about("hyperparameters.held_out")


def spec_of(job: Job) -> TuningSpec:
    return TuningSpec.model_validate(job.spec)


def _trial(figures: Figures) -> int:
    """Of a search; 0: there was none."""
    return int(figures.get("trial", 0))


def _event(job: Job, event: JobEvent, figures: dict[tuple[int, int, str], Figures]) -> FineTuningEvent:
    state = event.data.get("state")
    message = str(event.data["text"]) if event.kind == "log" else f"The job is {state}: attempt {event.data.get('attempt')}."
    if state == JobState.FAILED and job.error:
        message = f"The job has failed: {job.error}"
    found = _STEP.match(message)
    data = figures.get((int(found[1] or 0), int(found[2]), _FIGURE[found[3]])) if found else None
    return FineTuningEvent(
        id=f"ftevent-{job.id.hex}-{event.number}",
        created_at=int(event.created_at.timestamp()),
        level="error" if state == JobState.FAILED else "info",
        message=message,
        type="metrics" if data is not None else "message",
        data=data,
    )


def _event_number(job: Job, name: str | None) -> int | None:
    """Raises BadInput for what no page of this job gave."""
    if name is None:
        return None
    number = name.removeprefix(f"ftevent-{job.id.hex}-")
    if number == name or not number.isascii() or not number.isdigit() or len(number) > 9:
        raise BadInput("'after' is not the id of an event of this training; leave it out to begin at the latest.").about("after")
    return int(number)
