"""``/api/v1/workflows/execute`` and ``/runs``."""

from __future__ import annotations

import uuid
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.streams.reading import Resumable
from api.web.answers import Success, json_answer, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithSession
from api.web.following import as_events
from api.web.openapi import json_request, responses
from api.web.principal import AsViewer
from api.workflows.deps import WithExecuting
from api.workflows.examples import CHECKPOINT, DETAIL, EXECUTE, QUEUED, RUN, STEP, STREAM, ok
from api.workflows.following import follower_of, told_of
from api.workflows.install import WithGraphs
from api.workflows.kept import READS, WRITES
from api.workflows.run_schemas import (
    AnswerBody,
    CheckpointPage,
    ExecuteBody,
    ForkBody,
    IdempotencyKey,
    RetryBody,
    RunDetail,
    RunPage,
    RunQuery,
    StepPage,
    StepQuery,
)
from api.workflows.runs import RunService
from cluster.errors import Unprocessable
from cluster.graphs.states import ENDED

router = APIRouter(prefix="/api/v1/workflows", tags=["workflows"])

CHANGES = (*READS, 409)
EventNumber = Annotated[int, Header(alias="Last-Event-ID", ge=0, le=2**31 - 1, description="Set by EventSource when it connects again.")]
KeyHeader = Annotated[IdempotencyKey | None, Header(alias="Idempotency-Key", description="As `idempotency_key`.")]
ACCEPTED: dict[int | str, dict[str, Any]] = {
    202: {
        "description": "The run, which goes on.",
        "model": Success[RunDetail],
        "content": {"application/json": {"example": ok(QUEUED)}},
    }
}


async def running(session: WithSession, who: AsViewer, trail: WithTrail, graphs: WithGraphs) -> RunService:
    return RunService(session, who, trail, graphs)


WithRuns = Annotated[RunService, Depends(running)]


@router.post(
    "/execute",
    summary="Run a graph",
    response_model=Success[RunDetail],
    responses=responses(ok(DETAIL), WRITES) | ACCEPTED,
    openapi_extra=json_request(ExecuteBody, EXECUTE),
)
async def execute(
    request: Request,
    executing: WithExecuting,
    body: Annotated[ExecuteBody, Depends(json_body(ExecuteBody, Unprocessable))],
    idempotency_key: KeyHeader = None,
) -> Response:
    """Begins a run of a kept graph (`workflow`) or of one that is sent along (`spec`), and answers 202; or 200 with the whole run, where it
    ends within `wait_s` seconds.

    Before it begins everything is checked: the graph, the input against its schema (422), that every model it names is there (422) and
    can be served on this machine (409), and that your role allows its tools (403). Then it is written down, and is carried out whatever
    process dies. Of one organisation some runs are under way at once (graphs.concurrent_per_organisation); others wait their turn."""
    run = await attend(request, executing.execute(body, idempotency_key))
    return success(run) if run.state in ENDED else json_answer(Success[RunDetail](data=run), 202)


@router.get(
    "/runs", summary="List runs", response_model=Success[RunPage], responses=responses(ok({"runs": [RUN], "next_cursor": None}), READS)
)
async def list_runs(wanted: Annotated[RunQuery, Query()], service: WithRuns) -> Response:
    """Your organisation's runs, newest first."""
    return success(await service.page(wanted))


@router.get("/runs/{run_id}", summary="One run", response_model=Success[RunDetail], responses=responses(ok(DETAIL), READS))
async def get_run(run_id: uuid.UUID, service: WithRuns) -> Response:
    """How it stands: what was asked and what came of it, what was spent of what it may spend, what it waits for, the graph as a diagram in
    the colours of its nodes' states, and its steps."""
    return success(await service.one(run_id))


@router.get(
    "/runs/{run_id}/steps",
    summary="Steps of a run",
    response_model=Success[StepPage],
    responses=responses(ok({"steps": [STEP], "next_cursor": None}), READS),
)
async def list_steps(run_id: uuid.UUID, wanted: Annotated[StepQuery, Query()], service: WithRuns) -> Response:
    """Every visit of a node, every item of a map and every call of a tool, with what it gave, what it used, and why it failed."""
    return success(await service.steps(run_id, wanted))


@router.get("/runs/{run_id}/events", summary="Follow a run", responses=responses({}, READS, media={"text/event-stream": STREAM}))
async def follow_run(run_id: uuid.UUID, graphs: WithGraphs, who: AsViewer, last_event_id: EventNumber = 0) -> Response:
    """Server-sent events from the beginning, or behind the last one that arrived: `state`, `step`, `tool` and `ask`; and, without a number
    and never again, `text`: what a model says while it says it. Ends with the run; then the answer is 204, at which EventSource stops.

    A WebSocket at `/ws` in place of `/events` tells the same, and one at `/api/v1/workflows/runs/ws` follows several runs: see
    api/README.md."""
    follower = follower_of(graphs, who.organisation_id, run_id)
    if await follower.over(last_event_id):
        return Response(status_code=204)
    return Resumable(as_events(told_of(follower, last_event_id)))


@router.post("/runs/{run_id}/cancel", summary="Cancel a run", response_model=Success[RunDetail], responses=responses(ok(DETAIL), CHANGES))
async def cancel_run(run_id: uuid.UUID, service: WithRuns) -> Response:
    """One that is not under way is cancelled at once; one that is, is stopped where it stands. One that has ended stays as it ended. Your
    own runs; an admin cancels any."""
    return success(await service.cancel(run_id))


@router.post("/runs/{run_id}/pause", summary="Pause a run", response_model=Success[RunDetail], responses=responses(ok(DETAIL), CHANGES))
async def pause_run(run_id: uuid.UUID, service: WithRuns) -> Response:
    """It stops after the steps that are under way, until it is resumed. Your own runs; an admin any."""
    return success(await service.pause(run_id))


@router.post("/runs/{run_id}/resume", summary="Resume a run", response_model=Success[RunDetail], responses=responses(ok(QUEUED), CHANGES))
async def resume_run(run_id: uuid.UUID, service: WithRuns) -> Response:
    """A paused run goes on where it stopped. Your own runs; an admin any."""
    return success(await service.resume(run_id))


@router.post(
    "/runs/{run_id}/retry",
    summary="Try a run again",
    response_model=Success[RunDetail],
    responses=responses(ok(QUEUED), WRITES),
    openapi_extra=json_request(RetryBody, {"node": None}),
)
async def retry_run(
    run_id: uuid.UUID, body: Annotated[RetryBody, Depends(json_body(RetryBody, Unprocessable))], service: WithRuns
) -> Response:
    """One that has failed or was cancelled goes on at the node that failed, or at `node`; what was done before it is not repeated. A tool
    of which nobody knows whether it was carried out is called again. Your own runs; an admin any."""
    return success(await service.retry(run_id, body))


@router.post(
    "/runs/{run_id}/fork",
    summary="Fork a run",
    response_model=Success[RunDetail],
    responses=responses(ok(QUEUED), WRITES),
    openapi_extra=json_request(ForkBody, {"checkpoint": CHECKPOINT["id"], "state": {"greeting": "Good evening."}}),
)
async def fork_run(
    run_id: uuid.UUID, body: Annotated[ForkBody, Depends(json_body(ForkBody, Unprocessable))], service: WithRuns
) -> Response:
    """A run of its own that begins at a checkpoint of this one, with other values in the state where you give some. This one stays as it
    is."""
    return success(await service.fork(run_id, body))


@router.post(
    "/runs/{run_id}/answer",
    summary="Answer a run",
    response_model=Success[RunDetail],
    responses=responses(ok(QUEUED), WRITES),
    openapi_extra=json_request(AnswerBody, {"node": "approve", "answer": True}),
)
async def answer_run(
    run_id: uuid.UUID, body: Annotated[AnswerBody, Depends(json_body(AnswerBody, Unprocessable))], service: WithRuns
) -> Response:
    """What a person says to what the run waits for; an answer that is not of the schema asked for is a 422, and the run waits on. Your own
    runs; an editor answers any."""
    return success(await service.answer(run_id, body))


@router.get(
    "/runs/{run_id}/checkpoints",
    summary="Checkpoints of a run",
    response_model=Success[CheckpointPage],
    responses=responses(ok({"checkpoints": [CHECKPOINT]}), READS),
)
async def list_checkpoints(run_id: uuid.UUID, service: WithRuns) -> Response:
    """The state as it was between its steps, the latest first: where a fork may begin. The latest of them are kept (graphs.checkpoints,
    graphs.checkpoint_days)."""
    return success(await service.checkpoints(run_id))


@router.delete("/runs/{run_id}", summary="Remove a run", response_model=Success[None], responses=responses(ok(None), CHANGES))
async def remove_run(run_id: uuid.UUID, service: WithRuns) -> Response:
    """One that has ended, with its steps, events and checkpoints. Your own runs; an admin any."""
    await service.remove(run_id)
    return success(None)
