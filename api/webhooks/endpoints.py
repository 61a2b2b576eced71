"""``/api/v1/integration/webhooks``"""

from __future__ import annotations

import uuid
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from api.audit.trail import WithOrigin
from api.conversations.answers import Done, Listing
from api.conversations.examples import listing, ok
from api.outgoing.install import WithOutgoing
from api.queue.install import WithQueue
from api.web.answers import Success, success
from api.web.bodies import json_body
from api.web.openapi import READING, WORKING, json_request, responses
from api.web.principal import AsAdmin, AsViewer
from api.webhooks.schemas import (
    ASKED_FOR,
    DeliveryAnswer,
    DeliveryQuery,
    EventList,
    EventType,
    SubscribeBody,
    Subscribed,
    Tested,
    WebhookAnswer,
    WebhookList,
    WebhookPatch,
)
from api.webhooks.service import WebhookService
from cluster.errors import Unprocessable
from cluster.webhooks.events import EVENT_TYPES

router = APIRouter(prefix="/api/v1/integration/webhooks", tags=["webhooks"])
TAG = {
    "name": "webhooks",
    "description": "Telling other servers what happened, and being called by them, signed as standardwebhooks.com says.",
}
READS = (*READING, 401, 403, 404, 503)
CHANGES = (*WORKING, 401, 403, 409, 424)
BODY = {"url": "https://example.org/hearth", "events": ["run.succeeded", "run.failed", "document.*"], "description": "The archive."}
WEBHOOK = {
    **BODY,
    "id": "7d0f6c1a-2f61-4c0e-9a57-5d1f9f6f2c11",
    "enabled": True,
    "disabled_at": None,
    "disabled_reason": None,
    "failures": 0,
    "delivered_at": "2026-11-21T08:31:01Z",
    "owner_id": "1e9d3a0a-4c9b-4a3f-8f0f-3a5c6b7d8e9f",
    "created_at": "2026-11-21T08:30:00Z",
    "updated_at": "2026-11-21T08:30:00Z",
}
SUBSCRIBED = {"webhook": WEBHOOK, "secret": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"}
DELIVERY = {
    "id": "4a0cb0a4-6d8d-4c1f-9f57-5b0d6c1d2e3f",
    "message_id": "0b7d5f0c-2f61-4c0e-9a57-5d1f9f6f2c11",
    "event": "run.succeeded",
    "attempt": 1,
    "status": 204,
    "ms": 84,
    "error": None,
    "created_at": "2026-11-21T08:31:01Z",
}


async def managing(queueing: WithQueue, outside: WithOutgoing, who: AsAdmin, origin: WithOrigin) -> WebhookService:
    return WebhookService(queueing, outside.client.gate, who, origin)


Managing = Annotated[WebhookService, Depends(managing)]


@router.post(
    "/subscribe",
    summary="Subscribe to events",
    response_model=Success[Subscribed],
    responses=responses(ok(SUBSCRIBED), CHANGES),
    openapi_extra=json_request(SubscribeBody, BODY),
)
async def subscribe(service: Managing, body: Annotated[SubscribeBody, Depends(json_body(SubscribeBody, Unprocessable))]) -> Response:
    """From now on events are sent to `url`, by POST, at least once, as `{"type", "timestamp", "data"}`, with the headers `webhook-id` (the
    same each time that it is tried), `webhook-timestamp` and `webhook-signature`. Anything but 2xx is tried again, later and later; after
    webhooks.max_failures in a row, or 410, it is disabled. The secret is shown this once."""
    return success(await service.subscribe(body))


@router.delete(
    "/unsubscribe/{webhook_id}",
    summary="End a subscription",
    response_model=Success[Done],
    responses=responses(ok({"id": WEBHOOK["id"], "done": "unsubscribed"}), READS),
)
async def unsubscribe(webhook_id: uuid.UUID, service: Managing) -> Response:
    """With what waits for it, and its log."""
    await service.unsubscribe(webhook_id)
    return success(Done(id=webhook_id, done="unsubscribed"))


@router.get("", summary="List webhooks", response_model=Success[WebhookList], responses=responses(ok({"webhooks": [WEBHOOK]}), READS))
async def list_webhooks(service: Managing) -> Response:
    """Those of your organisation, and whether they arrive."""
    return success(await service.all())


@router.get(
    "/events",
    summary="What webhooks are told of",
    response_model=Success[EventList],
    responses=responses(ok({"events": [{"type": "run.failed", "description": "A run has failed."}]}), (*READING, 401, 403)),
)
async def list_events(who: AsViewer) -> Response:
    """Ids and states, not contents: those are asked for with a key."""
    return success(EventList(events=[EventType(type=name, description=EVENT_TYPES[name]) for name in ASKED_FOR]))


@router.get("/{webhook_id}", summary="One webhook", response_model=Success[WebhookAnswer], responses=responses(ok(WEBHOOK), READS))
async def get_webhook(webhook_id: uuid.UUID, service: Managing) -> Response:
    """Whether it is enabled, why it is not, and when something arrived last."""
    return success(await service.one(webhook_id))


@router.patch(
    "/{webhook_id}",
    summary="Change a webhook",
    response_model=Success[WebhookAnswer],
    responses=responses(ok(WEBHOOK), CHANGES),
    openapi_extra=json_request(WebhookPatch, {"enabled": True}),
)
async def change_webhook(
    webhook_id: uuid.UUID, service: Managing, body: Annotated[WebhookPatch, Depends(json_body(WebhookPatch, Unprocessable))]
) -> Response:
    """What could not be delivered while it was disabled is dead in the queue `events`, and can be replayed."""
    return success(await service.change(webhook_id, body))


@router.post(
    "/{webhook_id}/rotate", summary="Rotate a secret", response_model=Success[Subscribed], responses=responses(ok(SUBSCRIBED), READS)
)
async def rotate_webhook(webhook_id: uuid.UUID, service: Managing) -> Response:
    """Deliveries are signed with both secrets for webhooks.rotation_s seconds, then with the new one only."""
    return success(await service.rotate(webhook_id))


@router.post(
    "/{webhook_id}/test",
    summary="Try a webhook",
    response_model=Success[Tested],
    responses=responses(ok({"message_id": DELIVERY["message_id"]}), (*READS, 409)),
)
async def test_webhook(webhook_id: uuid.UUID, service: Managing) -> Response:
    """Sends it the event `webhook.test`, before all else that waits."""
    return success(Tested(message_id=await service.test(webhook_id)))


@router.get(
    "/{webhook_id}/deliveries",
    summary="Deliveries of a webhook",
    response_model=Success[Listing[DeliveryAnswer]],
    responses=responses(listing(DELIVERY), READS),
)
async def list_deliveries(webhook_id: uuid.UUID, service: Managing, wanted: Annotated[DeliveryQuery, Query()]) -> Response:
    """Every attempt of the last webhooks.log_days days, the latest first."""
    return success(await service.deliveries(webhook_id, wanted))
