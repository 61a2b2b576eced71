"""``/api/v1/jobs``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, WebSocket
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.jobs.following import Follower
from api.jobs.install import WithDesk
from api.jobs.schemas import JobDetail, JobLog, JobPage, JobQuery, LogQuery
from api.jobs.service import JobService
from api.streams.reading import Resumable
from api.web.answers import Success, success
from api.web.bodies import query
from api.web.deps import Parts, WithParts, WithSession
from api.web.following import AfterQuery, OneWay
from api.web.openapi import READING, responses
from api.web.principal import AsEditor, AsViewer, Principal
from api.web.sockets import named, sockets_of

router = APIRouter(prefix="/api/v1/jobs", tags=["jobs"])
TAG = {"name": "jobs", "description": "Work that takes time: how far it is, its log, cancelling and trying again."}

JOB = {
    "id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11",
    "kind": "ingest",
    "state": "running",
    "cancelling": False,
    "priority": 0,
    "attempt": 1,
    "owner_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "created_at": "2026-11-21T08:30:00Z",
    "started_at": "2026-11-21T08:30:02Z",
    "finished_at": None,
    "progress": {"done": 120, "total": 2000, "unit": "documents", "stage": "embedding"},
    "error": None,
}
DETAIL = JOB | {"spec": {"collection": "handbooks"}, "result": None, "submission_id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11-1"}
LINE = {"number": 7, "time": "2026-11-21T08:30:05Z", "text": "handbook.pdf: 12 pages"}
STREAM = 'id: 8\ndata: {"type":"progress","done":120,"total":2000,"unit":"documents","stage":"embedding"}\n\n'
READS = (*READING, 401, 403, 404, 503)
CHANGES = (*READS, 409)
EventNumber = Annotated[int, Header(alias="Last-Event-ID", ge=0, le=2**31 - 1, description="Set by EventSource when it connects again.")]


async def reading(session: WithSession, principal: AsViewer, trail: WithTrail, desk: WithDesk) -> JobService:
    return JobService(session, principal, trail, desk.wake)


async def steering(session: WithSession, principal: AsEditor, trail: WithTrail, desk: WithDesk) -> JobService:
    return JobService(session, principal, trail, desk.wake)


WithReading = Annotated[JobService, Depends(reading)]
WithSteering = Annotated[JobService, Depends(steering)]


def _ok(example: object) -> dict[str, object]:
    return {"status": "success", "data": example}


@router.get(
    "",
    summary="List jobs",
    response_model=Success[JobPage],
    responses=responses(_ok({"jobs": [JOB], "next_cursor": None}), READS),
)
async def list_jobs(wanted: Annotated[JobQuery, Query()], service: WithReading) -> Response:
    """The jobs of your organisation, newest first."""
    return success(await service.page(wanted))


@router.get("/{job_id}", summary="One job", response_model=Success[JobDetail], responses=responses(_ok(DETAIL), READS))
async def get_job(job_id: uuid.UUID, service: WithReading) -> Response:
    """How it stands, what was asked for, and what came of it."""
    return success(await service.one(job_id))


@router.post("/{job_id}/cancel", summary="Cancel a job", response_model=Success[JobDetail], responses=responses(_ok(DETAIL), CHANGES))
async def cancel_job(job_id: uuid.UUID, service: WithSteering) -> Response:
    """A queued job is cancelled at once. A running one is asked to stop, and ends within jobs.cancel_grace_s seconds; until then it is
    `running` and `cancelling`. One that has ended stays as it ended. Your own jobs; an admin cancels any."""
    return success(await service.cancel(job_id))


@router.post("/{job_id}/retry", summary="Try a job again", response_model=Success[JobDetail], responses=responses(_ok(DETAIL), CHANGES))
async def retry_job(job_id: uuid.UUID, service: WithSteering) -> Response:
    """Queues a job that has failed or was cancelled, to go on where it was. Your own jobs; an admin any."""
    return success(await service.retry(job_id))


@router.get("/{job_id}/log", summary="Read a job's log", response_model=Success[JobLog], responses=responses(_ok({"lines": [LINE]}), READS))
async def read_job_log(job_id: uuid.UUID, wanted: Annotated[LogQuery, Query()], service: WithReading) -> Response:
    """What it wrote for people, over all attempts; page on with the number of the last line as `after`. Everything its processes printed
    is in the Ray dashboard."""
    return success(await service.log(job_id, wanted))


@router.get(
    "/{job_id}/events",
    summary="Follow a job",
    responses=responses({}, READS, media={"text/event-stream": STREAM}),
)
async def follow_job(job_id: uuid.UUID, parts: WithParts, principal: AsViewer, last_event_id: EventNumber = 0) -> Response:
    """Server-sent events from the beginning, or behind the last one that arrived: `state`, `progress` and `log`. Ends with the job; then
    the answer is 204, at which EventSource stops. A job that is tried again can be followed again. A WebSocket at `/ws` in place of
    `/events` tells the same (see api/README.md)."""
    follower = Follower(parts.stores.database, parts.settings.jobs, principal.organisation_id, job_id)
    if await follower.over(last_event_id):
        return Response(status_code=204)
    return Resumable(follower.events(last_event_id))


@router.websocket("/{job_id}/ws")
async def watch_job(socket: WebSocket, job_id: str) -> None:
    """The same over a WebSocket, behind the event `after`."""
    parts: Parts = socket.app.state.parts

    async def begin(who: Principal) -> OneWay:
        follower = Follower(parts.stores.database, parts.settings.jobs, who.organisation_id, named(job_id, "job"))
        after = query(socket, AfterQuery).after
        await follower.over(after)
        return OneWay(follower.told(after))

    await sockets_of(socket).serve(socket, begin)


@router.delete("/{job_id}", summary="Remove a job", response_model=Success[None], responses=responses(_ok(None), CHANGES))
async def remove_job(job_id: uuid.UUID, service: WithSteering) -> Response:
    """One that has ended, with its log. What it made stays. Your own jobs; an admin any."""
    await service.remove(job_id)
    return success(None)
