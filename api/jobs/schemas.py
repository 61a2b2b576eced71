"""Jobs as people see them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from api.web.schema import Answer, FormBody
from cluster.jobs.states import JobState
from cluster.jobs.table import Job, JobEvent

KIND = r"^[a-z][a-z0-9_.-]*$"


class JobQuery(FormBody):
    state: JobState | None = Field(None, description="Only those in this state.")
    kind: str | None = Field(None, max_length=64, pattern=KIND, description="Only those of this kind.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Jobs on a page.")


class LogQuery(FormBody):
    after: int = Field(0, ge=0, le=2**31 - 1, description="Only lines behind the one with this number.")
    limit: int = Field(500, ge=1, le=5000, description="Lines on a page.")


class HistoryQuery(FormBody):
    kind: str | None = Field(None, max_length=64, pattern=KIND, description="Only lines of jobs of this kind.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(100, ge=1, le=500, description="Lines on a page.")


class JobProgress(Answer):
    """How far it is: `done` of `total` (null: not known) `unit`, in the stage `stage`."""

    done: int
    total: int | None
    unit: str
    stage: str

    @classmethod
    def of(cls, job: Job) -> JobProgress:
        return cls(done=job.done, total=job.total, unit=job.unit, stage=job.stage)


class JobEntry(Answer):
    id: uuid.UUID
    kind: str
    state: JobState
    cancelling: bool = Field(description="Whether it was asked to stop and has not yet.")
    priority: int = Field(description="Higher goes first.")
    attempt: int = Field(description="How many processes there were for it so far.")
    owner_id: uuid.UUID
    created_at: datetime
    started_at: datetime | None = Field(description="When the present attempt, or the last, began.")
    finished_at: datetime | None
    progress: JobProgress
    error: str | None = Field(description="Why it failed.")

    @classmethod
    def of(cls, job: Job) -> JobEntry:
        return cls(**_entry(job))


class JobDetail(JobEntry):
    """With what was asked for, and what came of it."""

    spec: dict[str, Any]
    result: dict[str, Any] | None
    submission_id: str | None = Field(description="What the Ray dashboard calls the present attempt.")

    @classmethod
    def of(cls, job: Job) -> JobDetail:
        return cls(**_entry(job), spec=job.spec, result=job.result, submission_id=job.submission_id)


class JobPage(Answer):
    """Newest first."""

    jobs: list[JobEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class LogLine(Answer):
    number: int
    time: datetime
    text: str

    @classmethod
    def of(cls, event: JobEvent) -> LogLine:
        return cls(number=event.number, time=event.created_at, text=str(event.data["text"]))


class JobLog(Answer):
    lines: list[LogLine]


class HistoryLine(LogLine):
    task_id: uuid.UUID = Field(description="The job that wrote it.")
    kind: str


class LogHistory(Answer):
    """The latest first."""

    lines: list[HistoryLine]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


def _entry(job: Job) -> dict[str, Any]:
    return {
        "id": job.id,
        "kind": job.kind,
        "state": JobState(job.state),
        "cancelling": job.state == JobState.RUNNING and job.cancel_requested_at is not None,
        "priority": job.priority,
        "attempt": job.attempt,
        "owner_id": job.owner_id,
        "created_at": job.created_at,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "progress": JobProgress.of(job),
        "error": job.error,
    }
