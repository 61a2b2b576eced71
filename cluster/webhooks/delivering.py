"""Delivers messages to webhooks."""

from __future__ import annotations

import json
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime

from sqlalchemy import select

from cluster.contracts.generation import JsonObject
from cluster.errors import AddressRefused, Conflict, HearthError, NotFound, RemoteFailed
from cluster.outgoing.asking import Ask, Reply
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Asker
from cluster.queue.kinds import WebhookPayload
from cluster.queue.tables import QueueMessage
from cluster.secrets.keyring import KeyRing
from cluster.settings import WebhookSettings
from cluster.stores.sql import Database
from cluster.webhooks.keys import SigningKeys, signed
from cluster.webhooks.log import Delivered, DeliveryLog
from cluster.webhooks.tables import Webhook

GONE = 410
# Of which the other side said that it may be otherwise later, and when.
BUSY = frozenset({429, 503})
# An answer is read to its end, but not kept.
ANSWER_BYTES = 64 * 1024
LONGEST_WAIT_S = 3600


class Refused(RemoteFailed):
    """The server answered, and did not take it. ``wait_s``: what it asked to wait."""

    wait_s = 0.0


@dataclass(frozen=True, slots=True)
class _Target:
    url: str
    keys: tuple[str, ...]


class WebhookDelivery:
    """A handler of messages. A message that was delivered, and whose consumer died before that was written, is delivered once more, under
    the same ``webhook-id``."""

    def __init__(self, database: Database, outgoing: Outgoing, ring: KeyRing, settings: WebhookSettings) -> None:
        self._database = database
        self._outgoing = outgoing
        self._ring = ring
        self._settings = settings

    async def __call__(self, message: QueueMessage) -> JsonObject:
        """Raises RemoteFailed where the server did not take it, NotFound or Conflict where there is nobody to be told."""
        payload = WebhookPayload.model_validate(message.payload)
        target = await self._target(message.organisation_id, payload.webhook_id)
        told = {"type": payload.type, "timestamp": payload.timestamp or message.created_at.isoformat(), "data": payload.data}
        body = json.dumps(told, ensure_ascii=False, separators=(",", ":"))
        ended, error = await self._send(message, target, body)
        async with self._database.session() as session:
            await DeliveryLog(session, self._settings).note(message, payload.webhook_id, payload.type, ended)
        if error is not None:
            raise error
        return {"status": ended.status, "ms": ended.ms}

    async def _send(self, message: QueueMessage, target: _Target, body: str) -> tuple[Delivered, HearthError | None]:
        headers = {"content-type": "application/json"} | signed(target.keys, str(message.id), body, datetime.now(UTC))
        # A redirect of a POST may end in a GET that succeeds, and nothing was told.
        ask = Ask(
            target.url,
            "POST",
            headers,
            body.encode(),
            secrets=target.keys,
            most_bytes=ANSWER_BYTES,
            timeout_s=self._settings.timeout_s,
            follow=False,
        )
        asker = Asker(message.organisation_id, message.owner_id, f"webhook:{message.payload['webhook_id']}")
        try:
            reply = await self._outgoing.send(ask, asker)
        except AddressRefused as error:
            return Delivered(None, 0, error.message), error
        except HearthError as error:
            # That an answer is too long, or not what it says that it is, is no matter of the message's.
            return Delivered(None, 0, error.message), RemoteFailed(error.message)
        if reply.succeeded:
            return Delivered(reply.status, reply.ms), None
        refused = _refused(reply)
        return Delivered(reply.status, reply.ms, refused.message, gone=reply.status == GONE), refused

    async def _target(self, organisation_id: uuid.UUID, webhook_id: uuid.UUID) -> _Target:
        async with self._database.session() as session:
            chosen = select(Webhook.url, Webhook.enabled).where(Webhook.id == webhook_id, Webhook.organisation_id == organisation_id)
            row = (await session.execute(chosen)).one_or_none()
            if row is None:
                raise NotFound("The webhook was removed.")
            if not row.enabled:
                raise Conflict("The webhook is disabled; enable it, then replay this message.")
            keys = await SigningKeys(session, self._ring).current(organisation_id, webhook_id, self._settings.rotation_s)
        return _Target(row.url, tuple(keys))


def _refused(reply: Reply) -> Refused:
    error = Refused(f"The server answered {reply.status}.")
    told = reply.headers.get("retry-after", "")
    if reply.status in BUSY and told.isdecimal() and len(told) < 6:
        error.wait_s = float(min(int(told), LONGEST_WAIT_S))
    return error
