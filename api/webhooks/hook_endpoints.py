"""``/api/v1/integration/webhooks/incoming``, and ``/api/v1/integration/hooks``, where they are called"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from pydantic import ConfigDict
from starlette.responses import Response

from api.audit.trail import WithOrigin
from api.conversations.answers import Done
from api.conversations.examples import ok
from api.queue.install import WithQueue
from api.web.answers import Success, success
from api.web.bodies import content_type, json_body, parse_json, read_all
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin
from api.web.schema import Body
from api.webhooks.hooks import HookCalls, HookService
from api.webhooks.schemas import HookBody, HookCalled, HookList, HookMade
from api.workflows.install import WithGraphs
from cluster.errors import TooLarge, Unprocessable, UnsupportedMedia

router = APIRouter(prefix="/api/v1/integration", tags=["webhooks"])
READS = (*READING, 401, 403, 404, 503)
CHANGES = (*WORKING, 401, 403, 409)
BODY = {"workflow": "greeting", "description": "New orders of the shop.", "calls_per_minute": 30}
HOOK = {
    "id": "3f0cb0a4-6d8d-4c1f-9f57-5b0d6c1d2e3f",
    "path": "/api/v1/integration/hooks/3f0cb0a4-6d8d-4c1f-9f57-5b0d6c1d2e3f",
    "workflow": "greeting",
    "description": "New orders of the shop.",
    "role": "admin",
    "calls_per_minute": 30,
    "called_at": None,
    "owner_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "created_at": "2026-11-21T08:30:00Z",
}
MADE = {"hook": HOOK, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}


class HookInput(Body):
    """The input of the workflow."""

    model_config = ConfigDict(extra="allow", frozen=True)


async def managing(queueing: WithQueue, graphs: WithGraphs, who: AsAdmin, origin: WithOrigin) -> HookService:
    return HookService(queueing, graphs, who, origin)


async def calling(queueing: WithQueue, graphs: WithGraphs, origin: WithOrigin) -> HookCalls:
    return HookCalls(queueing, graphs, origin)


Managing = Annotated[HookService, Depends(managing)]


@router.post(
    "/webhooks/incoming",
    summary="Make a hook",
    response_model=Success[HookMade],
    responses=responses(ok(MADE), CHANGES),
    openapi_extra=json_request(HookBody, BODY),
)
async def add_hook(service: Managing, body: Annotated[HookBody, Depends(json_body(HookBody, Unprocessable))]) -> Response:
    """An address that another server calls to run a workflow in your name. The secret is shown this once."""
    return success(await service.add(body))


@router.get("/webhooks/incoming", summary="List hooks", response_model=Success[HookList], responses=responses(ok({"hooks": [HOOK]}), READS))
async def list_hooks(service: Managing) -> Response:
    """Those of your organisation, and when they were called last."""
    return success(await service.all())


@router.post(
    "/webhooks/incoming/{hook_id}/rotate",
    summary="Rotate a hook's secret",
    response_model=Success[HookMade],
    responses=responses(ok(MADE), READS),
)
async def rotate_hook(hook_id: uuid.UUID, service: Managing) -> Response:
    """Calls may be signed with either for webhooks.rotation_s seconds, then with the new one only."""
    return success(await service.rotate(hook_id))


@router.delete(
    "/webhooks/incoming/{hook_id}",
    summary="Remove a hook",
    response_model=Success[Done],
    responses=responses(ok({"id": HOOK["id"], "done": "removed"}), READS),
)
async def remove_hook(hook_id: uuid.UUID, service: Managing) -> Response:
    """Nobody can call it any more. What it began goes on."""
    await service.remove(hook_id)
    return success(Done(id=hook_id, done="removed"))


@router.post(
    "/hooks/{hook_id}",
    summary="Call a hook",
    response_model=Success[HookCalled],
    responses=responses(ok({"message_id": HOOK["id"]}), (*CHANGES, 503)),
    openapi_extra=json_request(HookInput, {"who": "Mira"}),
)
async def call_hook(request: Request, hook_id: uuid.UUID, service: Annotated[HookCalls, Depends(calling)]) -> Response:
    """Runs the hook's workflow with the body, a JSON object, as its input. No key is shown: the headers `webhook-id`, `webhook-timestamp`
    and `webhook-signature` say who calls, as https://www.standardwebhooks.com has it. The same `webhook-id` again is the same run."""
    await service.admit(hook_id)
    if content_type(request) != "application/json":
        raise UnsupportedMedia("A hook takes JSON; send Content-Type: application/json.")
    body = await read_all(request)
    most = int(request.app.state.parts.settings.webhooks.body_bytes)
    if len(body) > most:
        raise TooLarge(f"The body has {len(body)} bytes, at most {most} are taken (setting webhooks.body_bytes).")
    given = parse_json(body)
    if not isinstance(given, dict):
        raise Unprocessable("A hook takes a JSON object: the input of its workflow.")
    return success(HookCalled(message_id=await service.call(hook_id, request.headers, body, given)))
