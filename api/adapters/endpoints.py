"""``/api/v1/adapters``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.adapters.schemas import (
    AdapterDeleted,
    AdapterEntry,
    AdapterForm,
    AdapterPage,
    AdapterQuery,
    AdapterStatistics,
    CanaryBody,
    PromoteBody,
    RollBackBody,
    RouteEntry,
    RouteList,
    StatisticsQuery,
)
from api.adapters.service import AdapterService
from api.audit.trail import WithOrigin
from api.conversations.examples import ok
from api.web.answers import Success, success
from api.web.bodies import json_body, validated
from api.web.deps import WithParts
from api.web.forms import open_upload
from api.web.openapi import READING, form_request, json_request, responses
from api.web.principal import AsEditor, AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/adapters", tags=["adapters"])
TAG = {"name": "adapters", "description": "LoRA adapters of language models: kept with their lineage, tried, promoted, taken back."}

ID = "6f1c2d3e-4b5a-4c6d-8e7f-9a0b1c2d3e4f"
ADAPTER = {
    "id": ID,
    "model": "hearth-nano:records@2",
    "base": "hearth-nano",
    "name": "records",
    "version": 2,
    "state": "passed",
    "rank": 8,
    "targets": ["q_proj", "v_proj"],
    "bytes": 541_000,
    "sha256": "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "lineage": {"source": "upload"},
    "marked": None,
    "owner_id": ID,
    "approver_id": None,
    "created_at": "2026-01-01T12:00:00Z",
    "updated_at": "2026-01-01T12:00:00Z",
}
ROUTE = {
    "base": "hearth-nano",
    "default_id": ID,
    "release_id": None,
    "canary_id": None,
    "canary_release_id": None,
    "percent": 0.0,
    "shadow_release_id": None,
    "shadow_percent": 0.0,
    "can_roll_back": True,
    "updated_at": "2026-01-01T12:00:00Z",
}
AMOUNTS = {
    "requests": 12,
    "input_tokens": 900,
    "output_tokens": 300,
    "cached_tokens": 0,
    "estimated": 0,
    "audio_seconds": 0.0,
    "images": 0,
    "cost": 0.0,
}
STATISTICS = {
    "model": "hearth-nano:records@2",
    "days": [{"day": "2026-01-01", **AMOUNTS}],
    "total": AMOUNTS,
    "base_total": AMOUNTS,
}
READS = (*READING, 401, 403, 404, 503)
CHANGES = (*READING, 401, 403, 404, 409, 503)
WRITES = (*READING, 401, 403, 404, 408, 409, 413, 415, 422, 503)


async def reading(parts: WithParts, who: AsViewer, origin: WithOrigin) -> AdapterService:
    return AdapterService(parts, who, origin)


async def writing(parts: WithParts, who: AsEditor, origin: WithOrigin) -> AdapterService:
    return AdapterService(parts, who, origin)


Reading = Annotated[AdapterService, Depends(reading)]
Writing = Annotated[AdapterService, Depends(writing)]


@router.get(
    "",
    summary="List adapters",
    response_model=Success[AdapterPage],
    responses=responses(ok({"adapters": [ADAPTER], "next_cursor": None}), READS),
)
async def list_adapters(wanted: Annotated[AdapterQuery, Query()], service: Reading) -> Response:
    """Every version that your organisation keeps, the newest first."""
    return success(await service.page(wanted))


@router.post(
    "",
    summary="Upload an adapter",
    response_model=Success[AdapterEntry],
    responses=responses(ok(ADAPTER), WRITES),
    openapi_extra=form_request(AdapterForm, "file"),
)
async def upload_adapter(request: Request, parts: WithParts, service: Writing) -> Response:
    """A zip or tar of a folder as PEFT's `save_pretrained` writes it. It is checked against its base, and may be asked at once as
    `<base>:<name>`; the base itself goes on as before until it is promoted."""
    most = int(parts.settings.adapters.bytes)
    async with open_upload(request, file="file", max_file_bytes=most, setting="adapters.bytes") as (upload, fields):
        return success(await service.upload(upload.file, validated(fields, AdapterForm)))


@router.get(
    "/routes", summary="What models stand for", response_model=Success[RouteList], responses=responses(ok({"routes": [ROUTE]}), READS)
)
async def list_routes(service: Reading) -> Response:
    """For each base of which an adapter was promoted or tried: which adapter answers, and which one is tried on a share of the requests."""
    return success(await service.routes())


@router.post(
    "/rollback",
    summary="Roll back",
    response_model=Success[RouteEntry],
    responses=responses(ok(ROUTE), WRITES),
    openapi_extra=json_request(RollBackBody, {"base": "hearth-nano"}),
)
async def roll_back(service: Writing, body: Annotated[RollBackBody, Depends(json_body(RollBackBody, Unprocessable))]) -> Response:
    """What answered for the base before answers again: the adapter or release before, or the model itself. Answers that are being written
    end as they began. A canary ends. The same as at `/api/v1/releases/rollback`."""
    return success(await service.roll_back(body.base))


@router.get("/{adapter_id}", summary="One adapter", response_model=Success[AdapterEntry], responses=responses(ok(ADAPTER), READS))
async def get_adapter(adapter_id: uuid.UUID, service: Reading) -> Response:
    """What it is, what it was made of, and where it stands."""
    return success(await service.one(adapter_id))


@router.get(
    "/{adapter_id}/statistics",
    summary="What an adapter answered",
    response_model=Success[AdapterStatistics],
    responses=responses(ok(STATISTICS), READS),
)
async def get_statistics(adapter_id: uuid.UUID, wanted: Annotated[StatisticsQuery, Query()], service: Reading) -> Response:
    """Requests and tokens by day, beside those of its base."""
    return success(await service.statistics(adapter_id, wanted.days))


@router.post(
    "/{adapter_id}/promote",
    summary="Put an adapter into service",
    response_model=Success[AdapterEntry],
    responses=responses(ok({**ADAPTER, "state": "in_service"}), WRITES),
    openapi_extra=json_request(PromoteBody, {"force": False}),
)
async def promote(
    adapter_id: uuid.UUID, service: Writing, body: Annotated[PromoteBody, Depends(json_body(PromoteBody, Unprocessable))]
) -> Response:
    """From now on it answers when your organisation asks for its base. It has to have passed the gate, unless an admin insists."""
    return success(await service.promote(adapter_id, force=body.force))


@router.put(
    "/{adapter_id}/canary",
    summary="Try an adapter on a share of the requests",
    response_model=Success[RouteEntry],
    responses=responses(ok({**ROUTE, "canary_id": ID, "percent": 10.0}), WRITES),
    openapi_extra=json_request(CanaryBody, {"percent": 10}),
)
async def set_canary(
    adapter_id: uuid.UUID, service: Writing, body: Annotated[CanaryBody, Depends(json_body(CanaryBody, Unprocessable))]
) -> Response:
    """So many percent of those who ask for the base get it: the same conversation always, outside of one the same person (or who
    `safety_identifier` or `user` says). Which ones is decided by SHA-256 of the adapter's id and that, so that another canary is tried on
    others."""
    return success(await service.canary(adapter_id, body.percent))


@router.post(
    "/{adapter_id}/retire", summary="Retire an adapter", response_model=Success[AdapterEntry], responses=responses(ok(ADAPTER), CHANGES)
)
async def retire(adapter_id: uuid.UUID, service: Writing) -> Response:
    """It is not asked any more; its files and lineage stay. Refused while requests for its base go to it."""
    return success(await service.retire(adapter_id))


@router.delete(
    "/{adapter_id}",
    summary="Delete an adapter",
    response_model=Success[AdapterDeleted],
    responses=responses(ok({"id": ID, "deleted": True}), CHANGES),
)
async def delete_adapter(adapter_id: uuid.UUID, service: Writing) -> Response:
    """With its files. Refused while requests for its base go to it."""
    await service.remove(adapter_id)
    return success(AdapterDeleted(id=adapter_id))
