"""``/api/v1/logs``: what work that takes time says of itself."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Query
from starlette.responses import Response

from api.jobs.endpoints import JOB, LINE, READS, WithReading
from api.jobs.schemas import HistoryQuery, JobLog, LogHistory, LogQuery
from api.web.answers import Success, success
from api.web.openapi import responses

router = APIRouter(prefix="/api/v1/logs", tags=["jobs"])

HISTORY = {"lines": [LINE | {"task_id": JOB["id"], "kind": "ingest"}], "next_cursor": None}


# Before the path with a parameter, which would take "history" for an id.
@router.get(
    "/history",
    summary="Read all logs",
    response_model=Success[LogHistory],
    responses=responses({"status": "success", "data": HISTORY}, READS),
)
async def read_history(wanted: Annotated[HistoryQuery, Query()], service: WithReading) -> Response:
    """What the jobs of your organisation wrote for people, the latest first. It is kept as long as the jobs are
    (setting jobs.kept_days)."""
    return success(await service.history(wanted))


@router.get(
    "/{task_id}",
    summary="Read one log",
    response_model=Success[JobLog],
    responses=responses({"status": "success", "data": {"lines": [LINE]}}, READS),
)
async def read_log(task_id: uuid.UUID, wanted: Annotated[LogQuery, Query()], service: WithReading) -> Response:
    """What one job wrote, from the beginning; the same as `/api/v1/jobs/{job_id}/log`."""
    return success(await service.log(task_id, wanted))
