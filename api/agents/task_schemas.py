"""Tasks: runs of an agent or a graph, as whoever hands them in sees them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

from pydantic import Field

from api.web.schema import Answer, Body, FormBody, FreeObject, ModelId
from api.workflows.run_schemas import IdempotencyKey, LimitsBody, Priority
from cluster.graphs.states import RunState
from cluster.graphs.table import GraphEvent, GraphRun
from cluster.specs.graph import GRAPH_NAME


class TaskBody(Body):
    task_type: str = Field(pattern=GRAPH_NAME, description="An agent, an agent type, or any other graph, by name.")
    parameters: FreeObject = Field(default_factory=dict, description="What its input asks for.")
    priority: Priority = 1
    model: ModelId | None = Field(None, description="Model or alias for nodes that name none.")
    limits: LimitsBody | None = None
    idempotency_key: IdempotencyKey | None = Field(
        None, description="Sent again with the same key it is the same task. The header Idempotency-Key says the same."
    )


class TaskQuery(FormBody):
    status: RunState | None = Field(None, description="Only those that stand so.")
    task_type: str | None = Field(None, pattern=GRAPH_NAME, description="Only those of this type.")
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200, description="Tasks on a page.")


class HistoryQuery(FormBody):
    after: int = Field(0, ge=0, le=2**31 - 1, description="Only events behind the one with this number.")
    limit: int = Field(500, ge=1, le=1000, description="Events on a page.")


class TaskEntry(Answer):
    id: uuid.UUID = Field(description="Also that of its run, which `/api/v1/workflows/runs` shows in full.")
    task_type: str
    status: RunState
    priority: int
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None

    @classmethod
    def of(cls, run: GraphRun) -> TaskEntry:
        return cls(**_entry(run))


class TaskAnswer(TaskEntry):
    parameters: dict[str, Any]

    @classmethod
    def of(cls, run: GraphRun) -> TaskAnswer:
        return cls(**_entry(run), parameters=run.input)


class TaskResult(Answer):
    task_id: uuid.UUID
    status: RunState
    data: dict[str, Any] | None = Field(description="The output; null unless it succeeded.")
    error: str | None

    @classmethod
    def of(cls, run: GraphRun) -> TaskResult:
        return cls(task_id=run.id, status=RunState(run.state), data=run.output, error=run.error)


class TaskPage(Answer):
    """Newest first."""

    tasks: list[TaskEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class HistoryEntry(Answer):
    number: int
    time: datetime
    type: str = Field(description="state, step, tool or ask.")
    data: dict[str, Any]

    @classmethod
    def of(cls, event: GraphEvent) -> HistoryEntry:
        return cls(number=event.number, time=event.created_at, type=event.kind, data=event.data)


class TaskHistory(Answer):
    events: list[HistoryEntry]


def _entry(run: GraphRun) -> dict[str, Any]:
    return {
        "id": run.id,
        "task_type": run.task_type,
        "status": RunState(run.state),
        "priority": run.priority,
        "created_at": run.created_at,
        "started_at": run.started_at,
        "finished_at": run.finished_at,
        "error": run.error,
    }
