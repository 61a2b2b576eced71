"""``/v1/fine_tuning/jobs``"""

from __future__ import annotations

import secrets
from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from api.fine_tuning.endpoints import CHANGES, READS, STARTS, WithReading, WithWriting
from api.fine_tuning.examples import CHECKPOINT, EVENT, JOB, REQUEST
from api.fine_tuning.openai_schemas import (
    CheckpointPage,
    EventPage,
    FineTuningBody,
    FineTuningJob,
    FineTuningPage,
    PageQuery,
    job_id_of,
)
from api.fine_tuning.service import Start, spec_of
from api.web.answers import json_answer
from api.web.bodies import json_body
from api.web.openapi import json_request, responses

router = APIRouter(prefix="/v1/fine_tuning/jobs", tags=["fine-tuning"])

JobName = Annotated[str, Path(max_length=64, description="Id of a training.")]


def _list(example: object, **more: object) -> dict[str, object]:
    return {"object": "list", "data": [example], "has_more": False, **more}


@router.post(
    "",
    summary="Make a fine-tuning job",
    response_model=FineTuningJob,
    responses=responses(JOB, STARTS),
    openapi_extra=json_request(FineTuningBody, REQUEST),
)
async def create_fine_tuning_job(body: Annotated[FineTuningBody, Depends(json_body(FineTuningBody))], service: WithWriting) -> Response:
    """Trains an adapter of `model` by supervised examples, or by pairs of answers of which one is preferred (`dpo`). Base and files are
    checked before the answer; a wrong line is named."""
    seed = body.seed if body.seed is not None else secrets.randbelow(2**31)
    files = (body.training_file, body.validation_file)
    asked = Start(body.model, *files, body.chosen.ours(seed), body.how, suffix=body.suffix, labels=body.metadata)
    job = await service.start(asked)
    return json_answer(FineTuningJob.of(job, spec_of(job)))


@router.get("", summary="List fine-tuning jobs", response_model=FineTuningPage, responses=responses(_list(JOB), READS))
async def list_fine_tuning_jobs(wanted: Annotated[PageQuery, Query()], service: WithReading) -> Response:
    """Those of your organisation, newest first."""
    return json_answer(await service.page(wanted))


@router.get("/{job_id}", summary="One fine-tuning job", response_model=FineTuningJob, responses=responses(JOB, READS))
async def get_fine_tuning_job(job_id: JobName, service: WithReading) -> Response:
    """How it stands, and, when it has succeeded, the name to ask for."""
    job = await service.one(job_id_of(job_id))
    return json_answer(FineTuningJob.of(job, spec_of(job)))


@router.post("/{job_id}/cancel", summary="Cancel a fine-tuning job", response_model=FineTuningJob, responses=responses(JOB, CHANGES))
async def cancel_fine_tuning_job(job_id: JobName, service: WithWriting) -> Response:
    """A queued one is cancelled at once, a running one between two steps. Your own; an admin cancels any."""
    job = await service.cancel(job_id_of(job_id))
    return json_answer(FineTuningJob.of(job, spec_of(job)))


@router.get("/{job_id}/events", summary="A fine-tuning job's events", response_model=EventPage, responses=responses(_list(EVENT), READS))
async def list_fine_tuning_events(job_id: JobName, wanted: Annotated[PageQuery, Query()], service: WithReading) -> Response:
    """What happened, the latest first: changes of state, words for people, and figures."""
    return json_answer(await service.events(await service.one(job_id_of(job_id)), wanted))


@router.get(
    "/{job_id}/checkpoints",
    summary="A fine-tuning job's checkpoints",
    response_model=CheckpointPage,
    responses=responses(_list(CHECKPOINT, first_id=CHECKPOINT["id"], last_id=CHECKPOINT["id"]), READS),
)
async def list_fine_tuning_checkpoints(job_id: JobName, wanted: Annotated[PageQuery, Query()], service: WithReading) -> Response:
    """Those that can be asked for: the best one, once the job has succeeded."""
    found = await service.checkpoints(await service.one(job_id_of(job_id)))
    shown = found if wanted.after is None else []
    name = shown[0].id if shown else None
    return json_answer(CheckpointPage(data=shown, first_id=name, last_id=name, has_more=False))
