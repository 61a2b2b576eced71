"""``/api/v1/integration/queues``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.audit.trail import WithOrigin
from api.connectors.endpoints import WithConnecting
from api.conversations.answers import Done, Listing
from api.conversations.examples import listing, ok
from api.queue.install import WithQueue
from api.queue.schemas import EnqueueBody, MessageAnswer, MessageDetail, MessageQuery, MessageTypes, ReplayBody, Replayed, Statistics
from api.queue.service import Doors, QueueService, types
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin, AsEditor, AsViewer
from api.workflows.executing import one_key
from api.workflows.install import WithGraphs
from api.workflows.launching import Launcher
from api.workflows.run_endpoints import KeyHeader
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/integration/queues", tags=["queues"])
TAG = {"name": "queues", "description": "What is to be done later, surely: handed in, tried again, dead, replayed."}
READS = (*READING, 401, 403, 404, 503)
CHANGES = (*WORKING, 401, 403, 409)
BODY = {
    "type": "workflow",
    "payload": {"workflow": "greeting", "input": {"who": "Mira"}},
    "delay_s": 60,
    "idempotency_key": "order-4711",
}
MESSAGE = {
    "id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11",
    "queue": "default",
    "type": "workflow",
    "state": "done",
    "priority": 0,
    "attempt": 1,
    "tries": 0,
    "owner_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "webhook_id": None,
    "idempotency_key": "order-4711",
    "created_at": "2026-11-21T08:30:00Z",
    "not_before": "2026-11-21T08:31:00Z",
    "started_at": "2026-11-21T08:31:00Z",
    "finished_at": "2026-11-21T08:31:01Z",
    "result": {"run_id": "5e1c7d7e-3d5c-4a5b-9a53-1f6f0a3a7b10"},
    "error": None,
}
DETAIL = MESSAGE | {"payload": BODY["payload"]}
COUNT = {
    "queue": "default",
    "queued": 3,
    "delayed": 1,
    "running": 2,
    "dead": 0,
    "done_last_hour": 120,
    "oldest_s": 0.4,
    "wait_p50_s": 0.02,
    "wait_p95_s": 1.1,
}
TYPE = {"type": "workflow", "description": "Runs a workflow.", "role": "editor", "payload": {"type": "object"}}


async def reading(queueing: WithQueue, who: AsViewer, origin: WithOrigin) -> QueueService:
    return QueueService(queueing, who, origin)


async def steering(queueing: WithQueue, who: AsEditor, origin: WithOrigin) -> QueueService:
    return QueueService(queueing, who, origin)


async def steering_all(queueing: WithQueue, who: AsAdmin, origin: WithOrigin) -> QueueService:
    return QueueService(queueing, who, origin)


async def handing_in(
    queueing: WithQueue, graphs: WithGraphs, connecting: WithConnecting, who: AsEditor, origin: WithOrigin
) -> QueueService:
    return QueueService(queueing, who, origin, Doors(Launcher(graphs, who, origin), connecting))


Reading = Annotated[QueueService, Depends(reading)]
Steering = Annotated[QueueService, Depends(steering)]


@router.post(
    "/enqueue",
    summary="Hand a message in",
    response_model=Success[MessageDetail],
    responses=responses(ok(DETAIL), CHANGES),
    openapi_extra=json_request(EnqueueBody, BODY),
)
async def enqueue(
    service: Annotated[QueueService, Depends(handing_in)],
    body: Annotated[EnqueueBody, Depends(json_body(EnqueueBody, Unprocessable))],
    key: KeyHeader = None,
) -> Response:
    """What is answered with 200 is written down, and will be done, at least once, whatever process dies: a run and a job are begun exactly
    once, and a webhook is told again under the same id. What fails is tried again, later and later; then it is `dead`. 429 says that too
    much waits already, and when to come back."""
    return success(await service.enqueue(body, one_key(body.idempotency_key, key)))


@router.get(
    "/stats",
    summary="How the queue is doing",
    response_model=Success[Statistics],
    responses=responses(ok({"queues": [COUNT], "pending": 6, "most_pending": 10_000}), READS),
)
async def statistics(service: Reading) -> Response:
    """How many wait, are worked on and are dead, and how long they waited, by queue, of your organisation."""
    return success(await service.statistics())


@router.get(
    "/types",
    summary="What messages may ask for",
    response_model=Success[MessageTypes],
    responses=responses(ok({"types": [TYPE]}), (*READING, 401, 403)),
)
async def list_types(who: AsViewer) -> Response:
    """What each type's payload is, and the role that it takes to hand one in. Nothing else is taken."""
    return success(types())


@router.get(
    "/messages", summary="List messages", response_model=Success[Listing[MessageAnswer]], responses=responses(listing(MESSAGE), READS)
)
async def list_messages(wanted: Annotated[MessageQuery, Query()], service: Steering) -> Response:
    """Of your organisation, the newest first. `state=dead`: those that wait to be replayed or discarded."""
    return success(await service.page(wanted))


@router.post(
    "/messages/replay",
    summary="Replay dead messages",
    response_model=Success[Replayed],
    responses=responses(ok({"replayed": 3}), CHANGES),
    openapi_extra=json_request(ReplayBody, {"queue": "default"}),
)
async def replay_messages(
    service: Annotated[QueueService, Depends(steering_all)],
    body: Annotated[ReplayBody, Depends(json_body(ReplayBody, Unprocessable))],
) -> Response:
    """Queues the dead ones again, the oldest first, as if they were new."""
    return success(Replayed(replayed=await service.replay_dead(body)))


@router.get(
    "/messages/{queue_message_id}", summary="One message", response_model=Success[MessageDetail], responses=responses(ok(DETAIL), READS)
)
async def get_message(queue_message_id: uuid.UUID, service: Steering) -> Response:
    """How it stands, what it asks for, and what came of it."""
    return success(await service.one(queue_message_id))


@router.post(
    "/messages/{queue_message_id}/replay",
    summary="Replay a dead message",
    response_model=Success[MessageDetail],
    responses=responses(ok(DETAIL | {"state": "queued"}), (*READS, 409)),
)
async def replay_message(queue_message_id: uuid.UUID, service: Steering) -> Response:
    """Queued again, as if it was new. Your own; an admin any."""
    return success(await service.replay(queue_message_id))


@router.delete(
    "/messages/{queue_message_id}",
    summary="Discard a message",
    response_model=Success[Done],
    responses=responses(ok({"id": MESSAGE["id"], "done": "discarded"}), (*READS, 409)),
)
async def discard_message(queue_message_id: uuid.UUID, service: Steering) -> Response:
    """One that nobody works on now; what it had begun stays. Your own; an admin any."""
    await service.discard(queue_message_id)
    return success(Done(id=queue_message_id, done="discarded"))
