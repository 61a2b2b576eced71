"""``/v1/batches``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query, Request
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.batches.schemas import BatchBody, BatchObject, BatchPage, BatchQuery, Load
from api.batches.service import BatchService
from api.jobs.install import WithDesk
from api.web.answers import json_answer
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, json_request, responses
from api.web.principal import AsEditor, AsViewer

router = APIRouter(prefix="/v1/batches", tags=["batches"])
TAG = {"name": "batches", "description": "Files of requests, answered when models have nothing else to do, in OpenAI's shape."}

REQUEST = {
    "input_file_id": "file-0b9e1d3c5f7a4e6b8c2d4f6a8b0c2d4e",
    "endpoint": "/v1/chat/completions",
    "completion_window": "24h",
    "metadata": {"about": "goats"},
}
BATCH = {
    "id": "batch_5f7a4e6b8c2d4f6a8b0c2d4e0b9e1d3c",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "model": "nano-llm",
    "errors": None,
    "input_file_id": REQUEST["input_file_id"],
    "completion_window": "24h",
    "status": "completed",
    "output_file_id": "file-8b0c2d4e0b9e1d3c5f7a4e6b8c2d4f6a",
    "error_file_id": None,
    "created_at": 1763714000,
    "in_progress_at": 1763714003,
    "expires_at": 1763800400,
    "finalizing_at": 1763714090,
    "completed_at": 1763714091,
    "failed_at": None,
    "expired_at": None,
    "cancelling_at": None,
    "cancelled_at": None,
    "request_counts": {"total": 100, "completed": 100, "failed": 0},
    "usage": {
        "input_tokens": 1800,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 640,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 2440,
    },
    "metadata": {"about": "goats"},
}
READS = (*READING, 401, 403, 404, 503)
BatchName = Annotated[str, Path(max_length=64, description="Id of a batch.")]


async def reading(parts: WithParts, session: WithSession, principal: AsViewer, trail: WithTrail, desk: WithDesk) -> BatchService:
    return BatchService(session, principal, trail, desk, parts.settings.batches)


async def writing(parts: WithParts, session: WithSession, principal: AsEditor, trail: WithTrail, desk: WithDesk) -> BatchService:
    return BatchService(session, principal, trail, desk, parts.settings.batches)


WithReading = Annotated[BatchService, Depends(reading)]
WithWriting = Annotated[BatchService, Depends(writing)]


@router.post(
    "",
    summary="Make a batch",
    response_model=BatchObject,
    responses=responses(BATCH, (*READS, 408, 413, 415, 429)),
    openapi_extra=json_request(BatchBody, REQUEST),
)
async def create_batch(body: Annotated[BatchBody, Depends(json_body(BatchBody))], service: WithWriting) -> Response:
    """Answers the requests of a file, `batches.concurrency` at once and after whoever else asks, in your name: your role and limits hold.
    Each answer is what the endpoint gives online. A model that is not resident is loaded; a crash loses no answer."""
    return json_answer(await service.add(body))


@router.get(
    "",
    summary="List batches",
    response_model=BatchPage,
    responses=responses({"object": "list", "data": [BATCH], "first_id": BATCH["id"], "last_id": BATCH["id"], "has_more": False}, READS),
)
async def list_batches(wanted: Annotated[BatchQuery, Query()], service: WithReading) -> Response:
    """The batches of your organisation, newest first."""
    return json_answer(await service.page(wanted))


@router.get(
    "/load",
    summary="How busy the models are",
    response_model=Load,
    responses=responses({"object": "list", "data": [{"model": "nano-llm", "device": "cpu", "ongoing": 1, "queued": 0}]}, READS),
)
async def get_load(request: Request, parts: WithParts, principal: AsViewer) -> Response:
    """Requests that local models work on and that wait, everybody's together. Batches look at it before each request, and let others go
    first."""
    return json_answer(Load.of(await attend(request, parts.gateway.residency())))


@router.get("/{batch_id}", summary="One batch", response_model=BatchObject, responses=responses(BATCH, READS))
async def get_batch(batch_id: BatchName, service: WithReading) -> Response:
    """How far it is, and, when it has ended, where its answers are."""
    return json_answer(await service.one(batch_id))


@router.post("/{batch_id}/cancel", summary="Cancel a batch", response_model=BatchObject, responses=responses(BATCH, (*READS, 409)))
async def cancel_batch(batch_id: BatchName, service: WithWriting) -> Response:
    """Asks it to stop: it is `cancelling`, and soon `cancelled`, with what was answered by then in its files. One that has ended stays
    as it ended. Your own batches; an admin cancels any."""
    return json_answer(await service.cancel(batch_id))
