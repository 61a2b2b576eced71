"""``/api/v1/usage``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response, StreamingResponse

from api.usage.install import WithLedger
from api.usage.schemas import UsageFilter, UsageQuery, UsageReport
from api.usage.service import Usage
from api.web.answers import Success, success
from api.web.deps import WithParts
from api.web.openapi import READING, responses
from api.web.principal import AsViewer

router = APIRouter(prefix="/api/v1/usage", tags=["usage"])

AMOUNTS = {
    "requests": 12,
    "input_tokens": 30_000,
    "output_tokens": 4_000,
    "cached_tokens": 10_000,
    "estimated": 0,
    "audio_seconds": 0.0,
    "images": 0,
    "cost": 0.0975,
}
REPORT = {
    "first_day": "2026-10-22",
    "last_day": "2026-11-21",
    "group_by": "day",
    "currency": "EUR",
    "groups": [{"group": "2026-11-21", **AMOUNTS}],
    "total": AMOUNTS,
}
READS = (*READING, 401, 403, 503)


async def usage(parts: WithParts, principal: AsViewer, ledger: WithLedger) -> Usage:
    return Usage(parts.stores.database, principal, ledger.prices.currency)


WithUsage = Annotated[Usage, Depends(usage)]


@router.get(
    "",
    summary="What was used, and what it cost",
    response_model=Success[UsageReport],
    responses=responses({"status": "success", "data": REPORT}, READS),
)
async def get_usage(wanted: Annotated[UsageQuery, Query()], service: WithUsage) -> Response:
    """Your own; for an admin that of the whole organisation. Complete up to the seconds of the setting quotas.flush_s."""
    return success(await service.report(wanted))


@router.get(
    "/export",
    summary="Export usage as CSV",
    response_class=StreamingResponse,
    responses={
        **responses(None, READS),
        200: {"description": "The answer.", "content": {"text/csv": {"example": "day,user_id,key_id,model,requests\r\n"}}},
    },
)
async def export_usage(wanted: Annotated[UsageFilter, Query()], service: WithUsage) -> Response:
    """One line for each day, user, key and model that the filters find, sent as it is read."""
    headers = {"Content-Disposition": 'attachment; filename="usage.csv"'}
    return StreamingResponse(service.table(service.chosen(wanted)), media_type="text/csv", headers=headers)
