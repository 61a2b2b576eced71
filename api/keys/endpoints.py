"""``/api/v1/keys``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.keys.schemas import KeyBody, KeyEntry, NewKey, RotateBody
from api.keys.service import Keys
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsViewer
from cluster.errors import Unprocessable

router = APIRouter(prefix="/api/v1/keys", tags=["keys"])

ENTRY = {
    "id": "7d0f0c3e-6c0e-4c39-9d53-d83a1a6f3a10",
    "name": "notebook",
    "prefix": "hk_Zm9vYmE",
    "owner_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "scopes": ["models"],
    "created_at": "2026-11-21T08:30:00Z",
    "expires_at": None,
    "last_used_at": None,
    "revoked_at": None,
    "replaced_by_id": None,
}
NEW = {"status": "success", "data": {"entry": ENTRY, "key": "hk_Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE"}}
READS = (*READING, 401, 403, 404, 503)
WRITES = (*WORKING, 401, 403, 409)


async def keys(session: WithSession, principal: AsViewer, trail: WithTrail) -> Keys:
    return Keys(session, principal, trail)


WithKeys = Annotated[Keys, Depends(keys)]


@router.get(
    "", summary="List API keys", response_model=Success[list[KeyEntry]], responses=responses({"status": "success", "data": [ENTRY]}, READS)
)
async def list_keys(service: WithKeys) -> Response:
    """Your keys, and for an admin everybody's in the organisation; never the keys themselves."""
    return success(await service.all())


@router.post(
    "",
    summary="Make an API key",
    response_model=Success[NewKey],
    responses=responses(NEW, WRITES),
    openapi_extra=json_request(KeyBody, {"name": "notebook", "scopes": ["models"]}),
)
async def create_key(body: Annotated[KeyBody, Depends(json_body(KeyBody, Unprocessable))], service: WithKeys) -> Response:
    """A key for programs, which may do what you may, or less where scopes limit it. It is shown only in this answer."""
    return success(await service.create(body))


@router.get(
    "/{key_id}", summary="One API key", response_model=Success[KeyEntry], responses=responses({"status": "success", "data": ENTRY}, READS)
)
async def get_key(key_id: uuid.UUID, service: WithKeys) -> Response:
    """Name, scopes, and when it was made, last used and ends; never the key itself."""
    return success(await service.one(key_id))


@router.post(
    "/{key_id}/rotate",
    summary="Rotate an API key",
    response_model=Success[NewKey],
    responses=responses(NEW, WRITES),
    openapi_extra=json_request(RotateBody, {"overlap_s": 3600}),
)
async def rotate_key(
    key_id: uuid.UUID, body: Annotated[RotateBody, Depends(json_body(RotateBody, Unprocessable))], service: WithKeys, parts: WithParts
) -> Response:
    """A successor; the old key stays valid for a while, so that programs can change over. Of two who rotate at once one gets 409."""
    overlap = parts.settings.auth.key_overlap_s if body.overlap_s is None else body.overlap_s
    return success(await service.rotate(key_id, overlap))


@router.delete(
    "/{key_id}", summary="Revoke an API key", response_model=Success[None], responses=responses({"status": "success", "data": None}, READS)
)
async def revoke_key(key_id: uuid.UUID, service: WithKeys) -> Response:
    """The key stops working within the seconds of the setting auth.cache_s, in every replica."""
    await service.revoke(key_id)
    return success(None)
