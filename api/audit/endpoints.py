"""``GET /api/v1/audit`` and its export, for admins."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import PlainTextResponse, Response, StreamingResponse

from api.audit.schemas import AuditExportQuery, AuditPage, AuditQuery
from api.audit.service import Audit
from api.web.answers import Success, success
from api.web.deps import WithParts
from api.web.openapi import READING, responses
from api.web.principal import AsAdmin

router = APIRouter(prefix="/api/v1/audit", tags=["audit"])

EVENT = {
    "id": 4711,
    "time": "2026-11-21T08:30:00Z",
    "action": "key.created",
    "target": "key:7d0f0c3e-6c0e-4c39-9d53-d83a1a6f3a10",
    "actor_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "key_id": None,
    "address": "127.0.0.1",
    "request_id": "0e6a5f1e2d3c4b5a69788796a5b4c3d2",
    "detail": {"prefix": "hk_Zm9vYmE"},
}


async def audit(parts: WithParts, principal: AsAdmin) -> Audit:
    return Audit(parts.stores.database, principal.organisation_id)


WithAudit = Annotated[Audit, Depends(audit)]


@router.get(
    "",
    summary="Read the audit log",
    response_model=Success[AuditPage],
    responses=responses({"status": "success", "data": {"events": [EVENT], "next_cursor": 4711}}, (*READING, 401, 403, 503)),
)
async def read_audit(wanted: Annotated[AuditQuery, Query()], service: WithAudit) -> Response:
    """What was done in your organisation, newest first: who, what, on which row, from where, in which request."""
    return success(await service.page(wanted, wanted.cursor, wanted.limit))


@router.get(
    "/export",
    summary="Export the audit log",
    response_class=PlainTextResponse,
    responses={
        **responses(None, (*READING, 401, 403, 503)),
        200: {
            "description": "The answer.",
            "content": {
                "application/jsonl": {"example": '{"id":4711,"action":"key.created"}\n'},
                "text/csv": {"example": "id,time,action\n"},
                "text/plain": {"example": '{"id":4711,"action":"key.created"}\n'},
            },
        },
    },
)
async def export_audit(wanted: Annotated[AuditExportQuery, Query()], service: WithAudit) -> Response:
    """Everything that the filters find, as a file, sent as it is read."""
    rows, media = (service.table(wanted), "text/csv") if wanted.format == "csv" else (service.lines(wanted), "application/jsonl")
    headers = {"Content-Disposition": f'attachment; filename="audit.{wanted.format}"'}
    return StreamingResponse(rows, media_type=media, headers=headers)
