"""``/langgraph/threads/{thread_id}/runs`` and ``/langgraph/runs``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from pydantic import RootModel
from starlette.responses import Response

from api.langgraph.deps import CHANGES, PREFIX, READS, WRITES, LastEvent, RunId, ThreadId, WithThreadRuns, WithThreads
from api.langgraph.examples import RUN, RUN_BODY, STREAM, VALUES
from api.langgraph.responding import json
from api.langgraph.schemas import ActionQuery, CancelBody, CancelQuery, FollowQuery, RunBody, RunsQuery
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.openapi import json_request, responses
from cluster.errors import Unprocessable

router = APIRouter(prefix=PREFIX, tags=["langgraph"])

EVENTS = {"text/event-stream": STREAM}
SHOWN = json_request(RunBody, RUN_BODY)
Asked = Annotated[RunBody, Depends(json_body(RunBody, Unprocessable))]
MOST_IN_BATCH = 100


class BatchBody(RootModel[list[RunBody]]):
    """Runs, each with its thread, or without one."""


@router.post("/threads/{thread_id}/runs", summary="Run a graph in a thread", responses=responses(RUN, WRITES), openapi_extra=SHOWN)
async def create_run(request: Request, thread_id: ThreadId, service: WithThreadRuns, body: Asked) -> Response:
    """Begins a run, or has one of the thread go on: `command={"resume": ...}` answers what it asks, and no `input` has the latest run
    go on where it failed or was stopped, or forks it at `checkpoint_id`. While another run of the thread is under way, the new one waits
    (`enqueue`), is refused (`reject`), or that one is cancelled (`interrupt`). One that waits for people makes room: it is cancelled."""
    return await attend(request, service.create(thread_id, body))


@router.post(
    "/threads/{thread_id}/runs/stream",
    summary="Run a graph in a thread, and follow it",
    responses=responses(VALUES, WRITES, media=EVENTS),
    openapi_extra=SHOWN,
)
async def stream_run(request: Request, thread_id: ThreadId, service: WithThreadRuns, body: Asked) -> Response:
    """As above, told as server-sent events in the modes of `stream_mode`, until the run ends or asks people. What models say while they say
    it (`messages-tuple`) is told once; everything else is told again behind `Last-Event-ID`."""
    return await attend(request, service.stream(thread_id, body))


@router.post(
    "/threads/{thread_id}/runs/wait",
    summary="Run a graph in a thread, and wait for it",
    responses=responses(VALUES, WRITES),
    openapi_extra=SHOWN,
)
async def wait_for_run(request: Request, thread_id: ThreadId, service: WithThreadRuns, body: Asked) -> Response:
    """As above; the answer is the thread's values when the run ends or asks people: `__interrupt__` says what it asks, `__error__` why it
    failed."""
    return await attend(request, service.wait(thread_id, body))


@router.get("/threads/{thread_id}/runs", summary="Runs of a thread", responses=responses([RUN], READS))
async def list_thread_runs(thread_id: ThreadId, threads: WithThreads, asked: Annotated[RunsQuery, Query()]) -> Response:
    """The latest first; `/api/v1/workflows/runs` has those of all threads, and those without one."""
    return json(await threads.runs(thread_id, asked.status, asked.limit, asked.offset, asked.select))


@router.get("/threads/{thread_id}/runs/{run_id}", summary="A run of a thread", responses=responses(RUN, READS))
async def get_thread_run(thread_id: ThreadId, run_id: RunId, service: WithThreadRuns) -> Response:
    """How it stands. `/api/v1/workflows/runs/{run_id}` has its steps and what it cost."""
    return json(await service.one(thread_id, run_id))


@router.get("/threads/{thread_id}/runs/{run_id}/join", summary="Wait for a run", responses=responses(VALUES, READS))
async def join_run(thread_id: ThreadId, run_id: RunId, service: WithThreadRuns) -> Response:
    """The thread's values when the run ends or asks people, as `wait` gives them."""
    return await service.join(thread_id, run_id)


@router.get(
    "/threads/{thread_id}/runs/{run_id}/stream",
    summary="Follow a run of a thread",
    responses=responses(VALUES, (*READS, 422), media=EVENTS),
)
async def join_stream(
    thread_id: ThreadId, run_id: RunId, service: WithThreadRuns, asked: Annotated[FollowQuery, Query()], last_event_id: LastEvent = 0
) -> Response:
    """From its beginning, or behind the last event that arrived; also of a run that has ended."""
    return await service.join_stream(thread_id, run_id, asked.stream_mode, last_event_id, cancels=asked.cancel_on_disconnect)


@router.post("/threads/{thread_id}/runs/{run_id}/cancel", summary="Cancel a run of a thread", responses=responses({}, CHANGES))
async def cancel_thread_run(
    request: Request, thread_id: ThreadId, run_id: RunId, service: WithThreadRuns, asked: Annotated[CancelQuery, Query()]
) -> Response:
    """It stops where it stands, and what has ended stays as it ended. Your own runs; an admin any."""
    await attend(request, service.cancel(thread_id, run_id, wait=asked.wait, remove=asked.action == "rollback"))
    return json({})


@router.delete("/threads/{thread_id}/runs/{run_id}", summary="Remove a run of a thread", responses=responses({}, CHANGES))
async def remove_thread_run(thread_id: ThreadId, run_id: RunId, service: WithThreadRuns) -> Response:
    """One that has ended, with its steps, events and checkpoints. Your own runs; an admin any."""
    await service.remove(thread_id, run_id)
    return json({})


@router.post("/runs", summary="Run a graph without a thread", responses=responses(RUN, WRITES), openapi_extra=SHOWN)
async def create_lone_run(request: Request, service: WithThreadRuns, body: Asked) -> Response:
    """Nothing follows it. It is kept as every run is (graphs.kept_days), and found under the `thread_id` that the answer names."""
    return await attend(request, service.create(None, body))


@router.post(
    "/runs/stream",
    summary="Run a graph without a thread, and follow it",
    responses=responses(VALUES, WRITES, media=EVENTS),
    openapi_extra=SHOWN,
)
async def stream_lone_run(request: Request, service: WithThreadRuns, body: Asked) -> Response:
    """As in a thread. The header `Location` says where the stream is read on."""
    return await attend(request, service.stream(None, body))


@router.post(
    "/runs/wait", summary="Run a graph without a thread, and wait for it", responses=responses(VALUES, WRITES), openapi_extra=SHOWN
)
async def wait_for_lone_run(request: Request, service: WithThreadRuns, body: Asked) -> Response:
    """The answer is its values when it ends or asks people."""
    return await attend(request, service.wait(None, body))


# Not in the documents, whose examples of bodies are objects.
@router.post("/runs/batch", include_in_schema=False)
async def create_runs(
    request: Request, service: WithThreadRuns, body: Annotated[BatchBody, Depends(json_body(BatchBody, Unprocessable))]
) -> Response:
    """One after the other, each with its thread or without one. One that is refused ends it; those before it go on."""
    if len(body.root) > MOST_IN_BATCH:
        raise Unprocessable(f"{MOST_IN_BATCH} runs may be asked for at once; send the others in another request.")
    return await attend(request, service.batch(body.root))


@router.post(
    "/runs/cancel",
    summary="Cancel several runs",
    responses=responses({}, WRITES),
    openapi_extra=json_request(CancelBody, {"status": "pending"}),
)
async def cancel_runs(
    request: Request,
    service: WithThreadRuns,
    body: Annotated[CancelBody, Depends(json_body(CancelBody, Unprocessable))],
    asked: Annotated[ActionQuery, Query()],
) -> Response:
    """Those of a thread by their ids, or all of yours that are pending or running; an admin's are everybody's."""
    await attend(request, service.cancel_many(body, remove=asked.action == "rollback"))
    return json({})
