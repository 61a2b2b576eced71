"""``/api/v1/performance``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.agents.deps import WithGateway
from api.audit.trail import WithTrail
from api.jobs.install import WithDesk
from api.performance.examples import ASKED, CHANGE, DETAIL, ENTRY, OPTIMIZE
from api.performance.schemas import ChangeBody, OptimisationDetail, OptimisationEntry, OptimisationPage, OptimisationQuery, OptimizeBody
from api.performance.service import PerformanceService
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, json_request, responses
from api.web.principal import AsAdmin
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/performance", tags=["performance"])
TAG = {
    "name": "performance",
    "description": "Whether other settings, or another prompt, are better here: measured, proposed, applied, taken back.",
}
READS = (*READING, 401, 403, 404, 503)
WRITES = (*READS, 408, 413, 415, 422, 429)


async def deciding(parts: WithParts, session: WithSession, who: AsAdmin, trail: WithTrail, desk: WithDesk) -> PerformanceService:
    return PerformanceService(session, who, trail, desk, parts.settings)


Deciding = Annotated[PerformanceService, Depends(deciding)]


def _ok(example: object) -> dict[str, object]:
    return {"status": "success", "data": example}


@router.post(
    "/optimize",
    summary="Measure whether other settings are better",
    response_model=Success[OptimisationEntry],
    responses=responses(_ok(ASKED), (*WRITES, 409)),
    openapi_extra=json_request(OptimizeBody, OPTIMIZE),
)
async def optimize(
    request: Request,
    service: Deciding,
    gateway: WithGateway,
    body: Annotated[OptimizeBody, Depends(json_body(OptimizeBody, Unprocessable))],
) -> Response:
    """A job that measures other settings beside those in force, in interleaved rounds, and proposes what is better beyond noise: how much a
    language model does at once (`parallel`), its `context`, the `batch` of an embedding model, `residency`, or a `prompt`. With `apply` it
    comes into force, is measured again in service, and goes back if it is worse beyond noise. What is applied outlives a restart."""
    return success(await attend(request, service.optimize(body, gateway)))


@router.get(
    "/optimizations",
    summary="List optimisations",
    response_model=Success[OptimisationPage],
    responses=responses(_ok({"optimisations": [ENTRY], "next_cursor": None}), READS),
)
async def list_optimisations(service: Deciding, wanted: Annotated[OptimisationQuery, Query()]) -> Response:
    """Those of your organisation, the newest first, with what they propose."""
    return success(await service.page(wanted))


@router.get(
    "/optimizations/{optimisation_id}",
    summary="One optimisation",
    response_model=Success[OptimisationDetail],
    responses=responses(_ok(DETAIL), READS),
)
async def get_optimisation(service: Deciding, optimisation_id: uuid.UUID) -> Response:
    """With every sample; while the job runs, as far as it is."""
    return success(await service.one(optimisation_id))


@router.post(
    "/optimizations/{optimisation_id}/apply",
    summary="Apply a change",
    response_model=Success[OptimisationEntry],
    responses=responses(_ok(ENTRY), (*WRITES, 409)),
    openapi_extra=json_request(ChangeBody, CHANGE),
)
async def apply(
    service: Deciding, optimisation_id: uuid.UUID, body: Annotated[ChangeBody, Depends(json_body(ChangeBody, Unprocessable))]
) -> Response:
    """A job that has the change in force, measures it in service beside what was before, and takes it back if it is worse beyond
    noise. What takes a start of the cluster is then `waiting`; apply it again after the start."""
    return success(await service.apply(optimisation_id, body))


@router.post(
    "/optimizations/{optimisation_id}/revert",
    summary="Take a change back",
    response_model=Success[OptimisationEntry],
    responses=responses(_ok(ENTRY), (*WRITES, 409)),
    openapi_extra=json_request(ChangeBody, CHANGE),
)
async def revert(
    service: Deciding, optimisation_id: uuid.UUID, body: Annotated[ChangeBody, Depends(json_body(ChangeBody, Unprocessable))]
) -> Response:
    """A job that has all as it was before the change."""
    return success(await service.revert(optimisation_id, body))
