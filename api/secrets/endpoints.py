"""``/api/v1/secrets``"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Path, Query
from starlette.responses import Response

from api.audit.trail import WithTrail
from api.secrets.schemas import NAME, SecretBody, SecretEntry, SecretValue, SecretValueBody, SecretVersionEntry
from api.secrets.service import Vault
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.deps import WithParts, WithSession
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin, AsEditor
from cluster.errors import Unprocessable
from cluster.home import Home
from cluster.secrets.keyring import KeyRing

router = APIRouter(prefix="/api/v1/secrets", tags=["secrets"])

ENTRY = {
    "name": "openai",
    "description": "Key of the provider.",
    "version": 2,
    "owner_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "created_at": "2026-11-21T08:30:00Z",
    "updated_at": "2026-11-21T09:30:00Z",
}
ONE = {"status": "success", "data": ENTRY}
VERSION = {"version": 2, "created_at": "2026-11-21T09:30:00Z"}
READS = (*READING, 401, 403, 404, 503)
WRITES = (*WORKING, 401, 403, 409)


async def vault(parts: WithParts, session: WithSession, principal: AsEditor, trail: WithTrail) -> Vault:
    return Vault(session, principal, KeyRing(Home(parts.settings.home).keys / "secrets.key"), trail)


WithVault = Annotated[Vault, Depends(vault)]
SecretPath = Annotated[str, Path(pattern=NAME, description="Name of the secret.")]


@router.get(
    "",
    summary="List secrets",
    response_model=Success[list[SecretEntry]],
    responses=responses({"status": "success", "data": [ENTRY]}, READS),
)
async def list_secrets(service: WithVault) -> Response:
    """Names, descriptions and versions of your organisation's secrets; never a value."""
    return success(await service.all())


@router.post(
    "",
    summary="Store a secret",
    response_model=Success[SecretEntry],
    responses=responses(ONE, WRITES),
    openapi_extra=json_request(SecretBody, {"name": "openai", "value": "sk-...", "description": "Key of the provider."}),
)
async def create_secret(
    body: Annotated[SecretBody, Depends(json_body(SecretBody, Unprocessable))], service: WithVault, _: AsAdmin
) -> Response:
    """Kept encrypted, with a key that is not in the database. Configurations refer to it as `secret:NAME`."""
    return success(await service.create(body))


@router.get("/{name}", summary="One secret", response_model=Success[SecretEntry], responses=responses(ONE, READS))
async def get_secret(name: SecretPath, service: WithVault) -> Response:
    """Its description and current version, without the value."""
    return success(await service.one(name))


@router.put(
    "/{name}",
    summary="Give a secret a new value",
    response_model=Success[SecretEntry],
    responses=responses(ONE, WRITES),
    openapi_extra=json_request(SecretValueBody, {"value": "sk-..."}),
)
async def replace_secret(
    name: SecretPath, body: Annotated[SecretValueBody, Depends(json_body(SecretValueBody, Unprocessable))], service: WithVault, _: AsAdmin
) -> Response:
    """A new version, which references mean from now on; the ones before stay readable by their number."""
    return success(await service.replace(name, body))


@router.get(
    "/{name}/versions",
    summary="Versions of a secret",
    response_model=Success[list[SecretVersionEntry]],
    responses=responses({"status": "success", "data": [VERSION]}, READS),
)
async def list_secret_versions(name: SecretPath, service: WithVault) -> Response:
    """When each value was stored, newest first; never a value."""
    return success(await service.versions(name))


@router.get(
    "/{name}/value",
    summary="Read a secret",
    response_model=Success[SecretValue],
    responses=responses({"status": "success", "data": {"name": "openai", "version": 2, "value": "sk-..."}}, READS),
)
async def read_secret(
    name: SecretPath,
    service: WithVault,
    _: AsAdmin,
    version: Annotated[int | None, Query(ge=1, le=2**31 - 1, description="Which version; by default the current one.")] = None,
) -> Response:
    """The value itself, for an admin. That it was read is written to the audit log."""
    answer = success(await service.value(name, version))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@router.delete(
    "/{name}", summary="Delete a secret", response_model=Success[None], responses=responses({"status": "success", "data": None}, READS)
)
async def delete_secret(name: SecretPath, service: WithVault, _: AsAdmin) -> Response:
    """With all its versions. What refers to it fails from then on, and says so."""
    await service.remove(name)
    return success(None)
