"""What is sent and answered about datasets."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Literal

from pydantic import Field

from api.web.schema import Answer, Body, FormBody, FreeObject
from cluster.jobs.states import JobState
from cluster.jobs.table import Job
from cluster.learning.datasets.recipe import Options, Recipe, Shape, SourceSpec, TaskName
from cluster.learning.datasets.tables import Dataset, DatasetVersionRow

Name = Annotated[str, Field(min_length=1, max_length=200)]
Sources = Annotated[list[SourceSpec], Field(min_length=1, max_length=32)]


class DatasetBody(Body):
    name: Name
    description: str = Field("", max_length=2000)
    task: TaskName = Field("chat", description="The kind of work of lines that name none.")
    shape: Shape = Field(description="`sft`: answers to learn; `dpo`: an answer and one that it is to be preferred to.")
    sources: Sources = Field(description="What versions are made of, read anew for each.")
    options: Options = Field(default_factory=Options)

    def recipe(self) -> Recipe:
        return Recipe(shape=self.shape, task=self.task, sources=self.sources, options=self.options)


class DatasetQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="Datasets on a page.")


class VersionQuery(FormBody):
    below: int | None = Field(None, ge=1, le=2**31 - 1, description="Only versions with a smaller number.")
    limit: int = Field(50, ge=1, le=200, description="Versions on a page.")


class SheetQuery(FormBody):
    format: Literal["json", "markdown"] = Field("json", description="`markdown`: for people.")


class DatasetAnswer(Answer):
    id: uuid.UUID
    name: str
    description: str
    task: str
    shape: str
    sources: Sources
    options: Options
    version: int = Field(description="The latest version that was built; 0: none yet.")
    owner_id: uuid.UUID
    created_at: datetime

    @classmethod
    def of(cls, row: Dataset) -> DatasetAnswer:
        recipe = Recipe.model_validate(row.recipe)
        return cls(
            id=row.id,
            name=row.name,
            description=row.description,
            task=row.task,
            shape=row.shape,
            sources=recipe.sources,
            options=recipe.options,
            version=row.version,
            owner_id=row.owner_id,
            created_at=row.created_at,
        )


class VersionAnswer(Answer):
    id: uuid.UUID
    dataset_id: uuid.UUID
    version: int
    sha256: str = Field(description="Of its shape and its two files: what has the same content is the same version.")
    shape: str
    train: int = Field(description="Examples to train on.")
    held_out: int = Field(description="Examples held out.")
    contains_erased: int = Field(description="Examples of which the words were taken back; with any, its files are given out no longer.")
    erased_at: datetime | None = Field(description="When the first of them was taken back.")
    job_id: uuid.UUID | None
    created_at: datetime

    @classmethod
    def of(cls, row: DatasetVersionRow) -> VersionAnswer:
        return cls(
            id=row.id,
            dataset_id=row.dataset_id,
            version=row.version,
            sha256=row.sha256,
            shape=row.shape,
            train=row.train,
            held_out=row.held_out,
            contains_erased=row.contains_erased,
            erased_at=row.erased_at,
            job_id=row.job_id,
            created_at=row.created_at,
        )


class Build(Answer):
    """A job that builds a version, or finds that there is one with the same content: then that is its result."""

    job_id: uuid.UUID = Field(description="Follow it at `/api/v1/jobs/{job_id}`; its result has the number of the version.")
    dataset_id: uuid.UUID
    state: JobState

    @classmethod
    def of(cls, job: Job, row: Dataset) -> Build:
        return cls(job_id=job.id, dataset_id=row.id, state=JobState(job.state))


Datasheet = FreeObject
