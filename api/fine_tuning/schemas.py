"""Trainings as people see them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from api.jobs.schemas import JobProgress
from api.web.schema import Answer, Body, ModelId
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.learning.tuning.spec import MOST_NAME, NAME, SUPERVISED, Hyperparameters, Method, TuningSpec


class StartBody(Body):
    model: ModelId = Field(description="The base: a language model of the catalog with safetensors weights on this machine.")
    training_file: str = Field(
        max_length=MOST_NAME,
        description="A file with the purpose `fine-tune`, one conversation to a line, or for `dpo` one question with two answers; or a "
        "version of a dataset, as `dataset:<name>` (the latest) or `dataset:<name>:<version>`, which also has what is judged by.",
    )
    validation_file: str | None = Field(None, max_length=64, description="Examples to judge by; by default a share of the training file.")
    name: str | None = Field(None, pattern=NAME, description="The adapter's name, which is asked for as `<model>:<name>`.")
    method: Method = SUPERVISED
    hyperparameters: Hyperparameters = Hyperparameters()
    workers: int = Field(1, ge=1, le=1024, description="Processes that train together, each on a card of its own where there are cards.")


class Tuning(Answer):
    """`metrics`: the latest of each figure. `result`: the adapter, and where it comes from."""

    id: uuid.UUID
    status: JobState
    cancelling: bool
    model: str
    name: str
    progress: JobProgress
    attempt: int = Field(description="How many processes there were for it so far; after a crash another one goes on.")
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    method: Method
    hyperparameters: Hyperparameters = Field(description="As they were asked for; null: chosen when it begins, and then in `result`.")
    metrics: dict[str, float]
    result: dict[str, Any] | None
    error: str | None

    @classmethod
    def of(cls, job: Job, spec: TuningSpec, metrics: list[dict[str, float]]) -> Tuning:
        latest = {name: value for figures in metrics for name, value in figures.items()}
        return cls(
            id=job.id,
            status=JobState(job.state),
            cancelling=job.state == JobState.RUNNING and job.cancel_requested_at is not None,
            model=spec.base,
            name=spec.name,
            progress=JobProgress.of(job),
            attempt=job.attempt,
            created_at=job.created_at,
            started_at=job.started_at,
            finished_at=job.finished_at,
            method=spec.method,
            hyperparameters=spec.parameters,
            metrics=latest,
            result=job.result,
            error=job.error,
        )


class TuningMetrics(Answer):
    """In the order of their steps."""

    metrics: list[dict[str, float]]
