"""``/api/v1/http``: asking other servers, and the journal of what was asked."""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import Response

from api.audit.trail import WithOrigin, WithTrail
from api.conversations.answers import Listing
from api.conversations.examples import listing, ok
from api.outgoing.install import WithOutgoing
from api.outgoing.schemas import HttpBody, HttpEntry, HttpQuery, HttpReply, HttpStatistics, Removed, RemoveQuery, StatisticsQuery
from api.outgoing.service import HttpClient, RequestLog
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin, AsEditor
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/http", tags=["http"])
TAG = {"name": "http", "description": "Asking other servers, within bounds, and the journal of all that was asked."}
READS = (*READING, 401, 403, 404, 503)
REQUEST = {"url": "https://example.org/tides.json", "headers": {"Accept": "application/json"}, "expect": ["application/json"]}
ENTRY = {
    "id": "4a0cb0a4-6d8d-4c1f-9f57-5b0d6c1d2e3f",
    "created_at": "2026-01-01T12:00:00Z",
    "finished_at": "2026-01-01T12:00:00Z",
    "user_id": "0d6a8f0c-7c1e-4d0d-8a55-3b5c2f9d1e44",
    "request_id": "0e6a5f1e2d3c4b5a69788796a5b4c3d2",
    "job_id": None,
    "purpose": "http",
    "method": "GET",
    "url": REQUEST["url"],
    "final_url": REQUEST["url"],
    "host": "example.org",
    "address": "93.184.216.34",
    "status": 200,
    "media_type": "application/json",
    "found_type": "application/json",
    "sent_bytes": 0,
    "bytes": 13,
    "ms": 84,
    "hops": [{"url": REQUEST["url"], "address": "93.184.216.34", "status": 200, "error": None, "ms": 81}],
    "error": None,
    "message": None,
}
REPLY = {"request": ENTRY, "headers": {"content-type": "application/json"}, "text": '{"high":4.1}', "base64": None}
HOST = {"host": "example.org", "requests": 12, "failed": 1, "refused": 0, "bytes": 4096, "p50_ms": 80.0, "p95_ms": 190.5}


async def asking(parts: WithParts, outside: WithOutgoing, who: AsEditor, origin: WithOrigin) -> HttpClient:
    return HttpClient(parts, outside, who, origin)


async def reading(session: WithSession, who: AsEditor) -> RequestLog:
    return RequestLog(session, who)


async def reading_all(session: WithSession, who: AsAdmin) -> RequestLog:
    return RequestLog(session, who)


@router.post(
    "/requests",
    summary="Send a request",
    response_model=Success[HttpReply],
    responses=responses(ok(REPLY), (*WORKING, 401, 403, 424)),
    openapi_extra=json_request(HttpBody, REQUEST),
)
async def send_request(
    request: Request,
    service: Annotated[HttpClient, Depends(asking)],
    body: Annotated[HttpBody, Depends(json_body(HttpBody, Unprocessable))],
) -> Response:
    """Asks another server. Addresses that are not public are refused, after names were resolved and after each redirect, unless the
    operator named them (outgoing.allowed). An answer with an error status is an answer; 424 says that none came. GET and HEAD are repeated
    where that may help."""
    return success(await attend(request, service.send(body)))


@router.get(
    "/requests",
    summary="List requests",
    response_model=Success[Listing[HttpEntry]],
    responses=responses(listing(ENTRY), READS),
)
async def list_requests(service: Annotated[RequestLog, Depends(reading)], wanted: Annotated[HttpQuery, Query()]) -> Response:
    """What went out, the newest first, connectors' requests too: yours, and as an admin everybody's. Kept for outgoing.log_days days."""
    items, cursor = await service.page(wanted)
    return success(Listing[HttpEntry](items=items, next_cursor=cursor))


@router.get(
    "/requests/{request_id}",
    summary="One request",
    response_model=Success[HttpEntry],
    responses=responses(ok(ENTRY), READS),
)
async def get_request(service: Annotated[RequestLog, Depends(reading)], request_id: uuid.UUID) -> Response:
    """Where it went, by which addresses, how long it took, and what came of it. The content is not kept."""
    return success(await service.one(request_id))


@router.get(
    "/statistics",
    summary="Requests by host",
    response_model=Success[HttpStatistics],
    responses=responses(ok({"since": "2026-01-01T12:00:00Z", "hosts": [HOST]}), READS),
)
async def get_statistics(service: Annotated[RequestLog, Depends(reading_all)], wanted: Annotated[StatisticsQuery, Query()]) -> Response:
    """How many requests went to each host, how many failed or were refused, and how long they took."""
    return success(await service.statistics(wanted))


@router.delete(
    "/requests",
    summary="Remove what is written down",
    response_model=Success[Removed],
    responses=responses(ok({"removed": 12}), READS),
)
async def remove_requests(outside: WithOutgoing, who: AsAdmin, trail: WithTrail, wanted: Annotated[RemoveQuery, Query()]) -> Response:
    """Removes the organisation's entries before their time is over; that it was done stands in the audit log."""
    removed = await outside.journal.remove_older(wanted.older_than_days, who.organisation_id)
    trail.record("http.requests_removed", None, count=removed)
    return success(Removed(removed=removed))
