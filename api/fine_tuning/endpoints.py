"""``/api/v1/fine-tuning``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.fine_tuning.examples import FIGURES, START, TUNING
from api.fine_tuning.schemas import StartBody, Tuning, TuningMetrics
from api.fine_tuning.service import Start, TuningService
from api.jobs.install import WithDesk
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, json_request, responses
from api.web.principal import AsEditor, AsViewer

router = APIRouter(prefix="/api/v1/fine-tuning", tags=["fine-tuning"])
TAG = {"name": "fine-tuning", "description": "Adapters trained from examples; also in OpenAI's shape."}

READS = (*READING, 401, 403, 404, 503)
CHANGES = (*READS, 409)
STARTS = (*CHANGES, 408, 413, 415, 422, 429)


async def reading(parts: WithParts, session: WithSession, principal: AsViewer, trail: WithTrail, desk: WithDesk) -> TuningService:
    return TuningService(session, principal, trail, desk, parts.settings)


async def writing(parts: WithParts, session: WithSession, principal: AsEditor, trail: WithTrail, desk: WithDesk) -> TuningService:
    return TuningService(session, principal, trail, desk, parts.settings)


WithReading = Annotated[TuningService, Depends(reading)]
WithWriting = Annotated[TuningService, Depends(writing)]


def _ok(example: object) -> dict[str, object]:
    return {"status": "success", "data": example}


@router.post(
    "/start",
    summary="Train an adapter",
    response_model=Success[Tuning],
    responses=responses(_ok(TUNING), STARTS),
    openapi_extra=json_request(StartBody, START),
)
async def start_training(body: Annotated[StartBody, Depends(json_body(StartBody))], service: WithWriting) -> Response:
    """Checks base and files, every line of them, and queues the training. It stands back from whoever asks models, and on cards holds its
    memory by a lease; killed, it goes on from its last checkpoint."""
    asked = Start(body.model, body.training_file, body.validation_file, body.hyperparameters, body.method, body.workers, body.name)
    return success(await service.shown(await service.start(asked)))


@router.get("/{job_id}/status", summary="How a training stands", response_model=Success[Tuning], responses=responses(_ok(TUNING), READS))
async def get_training(job_id: uuid.UUID, service: WithReading) -> Response:
    """How far it is, its latest figures, and, when it has ended, the adapter and where it comes from."""
    return success(await service.shown(await service.one(job_id)))


@router.get(
    "/{job_id}/metrics",
    summary="A training's figures",
    response_model=Success[TuningMetrics],
    responses=responses(_ok({"metrics": [FIGURES]}), READS),
)
async def get_training_metrics(job_id: uuid.UUID, service: WithReading) -> Response:
    """All so far, about a hundred lines: training loss and tokens a second, and the loss on held-out examples."""
    return success(TuningMetrics(metrics=await service.metrics(await service.one(job_id))))


@router.post("/{job_id}/cancel", summary="Cancel a training", response_model=Success[Tuning], responses=responses(_ok(TUNING), CHANGES))
async def cancel_training(job_id: uuid.UUID, service: WithWriting) -> Response:
    """It ends between two steps; retried as a job, it goes on from there. Your own; an admin cancels any."""
    return success(await service.shown(await service.cancel(job_id)))
