"""``/api/v1/limits``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.limits.install import WithLimiter
from api.limits.schemas import LimitBody, LimitEntry, LimitsAnswer, OverrideEntry
from api.limits.service import SettingLimits
from api.limits.subjects import SubjectKind
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin, AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/limits", tags=["limits"])

WHO = "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f"
VALUES = {"requests_per_minute": 600, "tokens_per_day": 1_000_000, "concurrent": 8, "budget_per_month": 20.0}
ENTRY = {
    "kind": "user",
    "id": WHO,
    "limits": VALUES,
    "used": {"tokens_today": 40_000, "cost_this_month": 1.25, "open": 1},
    "left": {"requests": 598, "tokens": 960_000, "concurrent": 7, "budget": 18.75},
}
MINE = {"subjects": [ENTRY], "day_ends_at": "2026-11-22T00:00:00Z", "month_ends_at": "2026-12-01T00:00:00Z"}
OVERRIDE = {"kind": "user", "id": WHO, "limits": VALUES, "updated_at": "2026-11-21T08:30:00Z"}
READS = (*READING, 401, 403, 404, 503)
WRITES = (*WORKING, 401, 403)


async def setting_limits(session: WithSession, principal: AsAdmin, limiter: WithLimiter, trail: WithTrail) -> SettingLimits:
    return SettingLimits(session, principal, limiter, trail)


WithSetting = Annotated[SettingLimits, Depends(setting_limits)]


@router.get(
    "",
    summary="Your limits, and what is left of them",
    response_model=Success[LimitsAnswer],
    responses=responses({"status": "success", "data": MINE}, (*READING, 401, 403, 503)),
)
async def my_limits(limiter: WithLimiter, principal: AsViewer) -> Response:
    """What holds for the key shown, for you and for your organisation. A request has to be within all of them."""
    return success(LimitsAnswer.of(await limiter.look(await limiter.quotas.of(principal))))


@router.get(
    "/overrides",
    summary="List limits that differ from the settings",
    response_model=Success[list[OverrideEntry]],
    responses=responses({"status": "success", "data": [OVERRIDE]}, (*READING, 401, 403, 503)),
)
async def list_overrides(service: WithSetting) -> Response:
    """Those of your organisation, its users and its keys."""
    return success(await service.all())


@router.get(
    "/{kind}/{subject_id}",
    summary="Limits of one user, key or organisation",
    response_model=Success[LimitEntry],
    responses=responses({"status": "success", "data": ENTRY}, READS),
)
async def get_limits(kind: SubjectKind, subject_id: uuid.UUID, service: WithSetting) -> Response:
    """What holds for it, and what is left."""
    return success(await service.one(kind, subject_id))


@router.put(
    "/{kind}/{subject_id}",
    summary="Set limits of one user, key or organisation",
    response_model=Success[LimitEntry],
    responses=responses({"status": "success", "data": ENTRY}, WRITES),
    openapi_extra=json_request(LimitBody, VALUES),
)
async def put_limits(
    kind: SubjectKind,
    subject_id: uuid.UUID,
    body: Annotated[LimitBody, Depends(json_body(LimitBody, Unprocessable))],
    service: WithSetting,
    parts: WithParts,
    limiter: WithLimiter,
) -> Response:
    """Replaces what was set before; what is left out is that of the settings, 0 is no limit. It holds in every replica within the seconds
    of the setting quotas.cache_s. An organisation's own limits are set by an admin of the first one, to whom the machine belongs."""
    await service.put(kind, subject_id, body)
    return success(await service.one(kind, subject_id))


@router.delete(
    "/{kind}/{subject_id}",
    summary="Return to the limits of the settings",
    response_model=Success[None],
    responses=responses({"status": "success", "data": None}, READS),
)
async def delete_limits(kind: SubjectKind, subject_id: uuid.UUID, service: WithSetting) -> Response:
    """Removing what was never set is no error."""
    await service.remove(kind, subject_id)
    return success(None)
