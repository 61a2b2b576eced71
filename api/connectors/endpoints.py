"""``/api/v1/connectors``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Request
from starlette.responses import Response

from api.audit.trail import WithOrigin
from api.connectors.schemas import (
    ConnectorEntry,
    ConnectorList,
    DiscoverBody,
    Discovered,
    FetchBody,
    ProcessAnswer,
    ProcessBody,
    ValidateBody,
    Validated,
)
from api.connectors.service import Connecting
from api.content.endpoints import CONTENT
from api.content.install import WithContents
from api.content.schemas import ContentAnswer
from api.conversations.examples import ok
from api.jobs.install import WithDesk
from api.outgoing.install import WithOutgoing
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import json_body
from api.web.deps import WithParts
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsEditor, AsViewer
from cluster.connectors.registry import REGISTRY
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/connectors", tags=["connectors"])
TAG = {"name": "connectors", "description": "Folders, pages, sites, feeds, mailboxes, buckets and repositories that documents come from."}
ASKING = (*WORKING, 401, 403, 424)
OPTIONS = {"urls": ["https://example.org/tides.html"]}
ITEM = {
    "id": OPTIONS["urls"][0],
    "path": "example.org/tides.html",
    "title": "",
    "bytes": None,
    "media_type": None,
    "updated_at": None,
    "problem": None,
}
ENTRY = {"name": "web", "description": "Pages and files of the web, by their addresses.", "options": {"type": "object"}}
ConnectorPath = Annotated[str, Path(max_length=64, description="A connector's name.")]


async def connecting(
    parts: WithParts, outside: WithOutgoing, contents: WithContents, desk: WithDesk, who: AsEditor, origin: WithOrigin
) -> Connecting:
    return Connecting(parts, outside, contents, desk, who, origin)


WithConnecting = Annotated[Connecting, Depends(connecting)]


@router.get(
    "",
    summary="List connectors",
    response_model=Success[ConnectorList],
    responses=responses(ok({"connectors": [ENTRY]}), (*READING, 401, 403)),
)
async def list_connectors(who: AsViewer) -> Response:
    """What documents can be brought in from, and what each wants to be told."""
    return success(ConnectorList(connectors=[ConnectorEntry.of(kind) for kind in REGISTRY.all()]))


@router.post(
    "/validate",
    summary="Check a source",
    response_model=Success[Validated],
    responses=responses(ok({"valid": True, "problems": []}), ASKING),
    openapi_extra=json_request(ValidateBody, {"connector": "web", "options": OPTIONS}),
)
async def validate(
    request: Request, service: WithConnecting, body: Annotated[ValidateBody, Depends(json_body(ValidateBody, Unprocessable))]
) -> Response:
    """Whether the options can be, the secrets are there, and the source answers; if not, why. Options that name a secret need an admin."""
    return success(await attend(request, service.validate(body)))


@router.post(
    "/process",
    summary="Bring a source into a collection",
    response_model=Success[ProcessAnswer],
    responses=responses(ok({"job_id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11"}), ASKING),
    openapi_extra=json_request(
        ProcessBody, {"connector": "web", "options": OPTIONS, "collection_id": "8d0f6f0e-0b5f-4a44-9c07-2b0a3f6f1e01"}
    ),
)
async def process(service: WithConnecting, body: Annotated[ProcessBody, Depends(json_body(ProcessBody, Unprocessable))]) -> Response:
    """A job that takes what is new or changed since the last time into the collection, as an upload would; another ingests it."""
    return success(await service.process(body))


@router.post(
    "/{name}/discover",
    summary="Look at a source",
    response_model=Success[Discovered],
    responses=responses(ok({"items": [ITEM], "is_complete": True}), ASKING),
    openapi_extra=json_request(DiscoverBody, {"options": OPTIONS, "limit": 100}),
)
async def discover(
    request: Request,
    service: WithConnecting,
    name: ConnectorPath,
    body: Annotated[DiscoverBody, Depends(json_body(DiscoverBody, Unprocessable))],
) -> Response:
    """What there is to be brought in. A site is followed from page to page meanwhile, as slowly as it likes."""
    return success(await attend(request, service.discover(name, body)))


@router.post(
    "/{name}/fetch",
    summary="Fetch one item",
    response_model=Success[ContentAnswer],
    responses=responses(ok(CONTENT), ASKING),
    openapi_extra=json_request(FetchBody, {"options": OPTIONS, "item": OPTIONS["urls"][0]}),
)
async def fetch(
    request: Request, service: WithConnecting, name: ConnectorPath, body: Annotated[FetchBody, Depends(json_body(FetchBody, Unprocessable))]
) -> Response:
    """One item, validated and made harmless; it can be read again below `/api/v1/content` until it expires. 422: it cannot be processed;
    415: its type is not supported, or not what the source says."""
    return success(await attend(request, service.fetch(name, body)))
