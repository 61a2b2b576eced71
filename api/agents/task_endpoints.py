"""``/api/v1/tasks``: work handed to an agent or a graph."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.agents.examples import ENTRY, RESULT, TASK, TASK_BODY
from api.agents.task_schemas import HistoryQuery, TaskAnswer, TaskBody, TaskHistory, TaskPage, TaskQuery, TaskResult
from api.agents.tasks import Tasks
from api.audit.trail import WithTrail
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithSession
from api.web.openapi import json_request, responses
from api.web.principal import AsViewer
from api.workflows.deps import WithExecuting
from api.workflows.examples import AT, ok
from api.workflows.install import WithGraphs
from api.workflows.kept import READS, WRITES
from api.workflows.run_endpoints import CHANGES, KeyHeader
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/tasks", tags=["tasks"])

EVENT = {"number": 1, "time": AT, "type": "state", "data": {"state": "queued", "attempt": 0}}


async def tasks(session: WithSession, who: AsViewer, trail: WithTrail, graphs: WithGraphs) -> Tasks:
    return Tasks(session, who, trail, graphs)


WithTasks = Annotated[Tasks, Depends(tasks)]


@router.post(
    "",
    summary="Hand in a task",
    response_model=Success[TaskAnswer],
    responses=responses(ok(TASK), WRITES),
    openapi_extra=json_request(TaskBody, TASK_BODY),
)
async def create_task(
    request: Request,
    executing: WithExecuting,
    body: Annotated[TaskBody, Depends(json_body(TaskBody, Unprocessable))],
    idempotency_key: KeyHeader = None,
) -> Response:
    """Runs the agent or graph that `task_type` names, with `parameters` as its input. It is checked and carried out as a workflow is."""
    return success(await attend(request, executing.task(body, idempotency_key)))


@router.get(
    "", summary="List tasks", response_model=Success[TaskPage], responses=responses(ok({"tasks": [ENTRY], "next_cursor": None}), READS)
)
async def list_tasks(wanted: Annotated[TaskQuery, Query()], service: WithTasks) -> Response:
    """Your organisation's tasks, newest first; what was begun as a workflow or a chat is not among them."""
    return success(await service.page(wanted))


@router.get("/{run_id}", summary="One task", response_model=Success[TaskAnswer], responses=responses(ok(TASK), READS))
async def get_task(run_id: uuid.UUID, service: WithTasks) -> Response:
    """How it stands, and what it was given."""
    return success(await service.one(run_id))


@router.get("/{run_id}/result", summary="Result of a task", response_model=Success[TaskResult], responses=responses(ok(RESULT), READS))
async def get_result(run_id: uuid.UUID, service: WithTasks) -> Response:
    """What came of it; as long as it is under way `data` is null, and `status` says how it stands."""
    return success(await service.result(run_id))


@router.get(
    "/{run_id}/history",
    summary="History of a task",
    response_model=Success[TaskHistory],
    responses=responses(ok({"events": [EVENT]}), READS),
)
async def get_history(run_id: uuid.UUID, wanted: Annotated[HistoryQuery, Query()], service: WithTasks) -> Response:
    """Everything that happened, in order: page on with the number of the last event as `after`."""
    return success(await service.history(run_id, wanted))


@router.post("/{run_id}/cancel", summary="Cancel a task", response_model=Success[TaskAnswer], responses=responses(ok(TASK), CHANGES))
async def cancel_task(run_id: uuid.UUID, service: WithTasks) -> Response:
    """One that is not under way is cancelled at once; one that is, is stopped. Your own tasks; an admin cancels any."""
    return success(await service.cancel(run_id))
