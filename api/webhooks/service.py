"""Configuring webhooks: for admins, because a webhook is told of what everybody does."""

from __future__ import annotations

import uuid

from api.audit.trail import Origin, Trail
from api.conversations.answers import Listing
from api.conversations.cursors import cursor_of, position_of
from api.queue.install import Queueing
from api.web.principal import Principal
from api.webhooks.schemas import DeliveryAnswer, DeliveryQuery, SubscribeBody, Subscribed, WebhookAnswer, WebhookList, WebhookPatch
from cluster.errors import BadInput, Conflict
from cluster.outgoing.gate import Gate
from cluster.outgoing.urls import Target
from cluster.stores.sql import AsyncSession
from cluster.webhooks.keys import SigningKeys
from cluster.webhooks.store import Webhooks


class WebhookService:
    """Holds no database session while a name is resolved."""

    def __init__(self, queueing: Queueing, gate: Gate, who: Principal, origin: Origin) -> None:
        self._queueing = queueing
        self._database = queueing.parts.stores.database
        self._settings = queueing.parts.settings.webhooks
        self._gate = gate
        self._who = who
        self._here = who.organisation_id
        self._origin = origin

    async def all(self) -> WebhookList:
        async with self._database.session() as session:
            return WebhookList(webhooks=[WebhookAnswer.of(row) for row in await self._rows(session).all()])

    async def one(self, webhook_id: uuid.UUID) -> WebhookAnswer:
        async with self._database.session() as session:
            return WebhookAnswer.of(await self._rows(session).get(webhook_id))

    async def subscribe(self, body: SubscribeBody) -> Subscribed:
        """Raises AddressRefused, and RemoteFailed for a name that nobody knows."""
        await self._need_reachable(body.url)
        async with self._database.session() as session:
            row = await self._rows(session).add(self._who.user_id, body.url, body.events, body.description)
            secret = await self._keys(session).make(self._here, row.id)
            self._trail(session).record("webhook.subscribed", _named(row.id), host=Target.of(body.url).host, events=body.events)
        return Subscribed(webhook=WebhookAnswer.of(row), secret=secret)

    async def change(self, webhook_id: uuid.UUID, patch: WebhookPatch) -> WebhookAnswer:
        values = patch.model_dump(include=patch.model_fields_set)
        if (missing := next((name for name, value in values.items() if value is None), None)) is not None:
            raise BadInput(f"'{missing}' cannot be null; leave it out to keep it.").about(missing)
        if patch.url is not None:
            await self._need_reachable(patch.url)
        async with self._database.session() as session:
            rows = self._rows(session)
            await rows.get(webhook_id, lock=True)
            row = await rows.change(webhook_id, values)
            self._trail(session).record("webhook.changed", _named(webhook_id), fields=sorted(values), enabled=patch.enabled)
        return WebhookAnswer.of(row)

    async def unsubscribe(self, webhook_id: uuid.UUID) -> None:
        async with self._database.session() as session:
            rows = self._rows(session)
            await rows.get(webhook_id, lock=True)
            await rows.remove(webhook_id)
            await self._keys(session).remove(self._here, webhook_id)
            self._trail(session).record("webhook.unsubscribed", _named(webhook_id))

    async def rotate(self, webhook_id: uuid.UUID) -> Subscribed:
        """With another secret; the one before it signs too for a while."""
        async with self._database.session() as session:
            row = await self._rows(session).get(webhook_id, lock=True)
            secret = await self._keys(session).rotate(self._here, webhook_id)
            self._trail(session).record("webhook.rotated", _named(webhook_id))
        return Subscribed(webhook=WebhookAnswer.of(row), secret=secret)

    async def test(self, webhook_id: uuid.UUID) -> uuid.UUID:
        """Raises Conflict while it is disabled."""
        async with self._database.session() as session:
            rows = self._rows(session)
            row = await rows.get(webhook_id)
            if not row.enabled:
                raise Conflict("The webhook is disabled; enable it first.")
            message_id = await rows.test(row)
        self._queueing.bell.ring()
        return message_id

    async def deliveries(self, webhook_id: uuid.UUID, wanted: DeliveryQuery) -> Listing[DeliveryAnswer]:
        async with self._database.session() as session:
            rows = self._rows(session)
            await rows.get(webhook_id)
            found = await rows.deliveries(webhook_id, position_of(wanted.cursor), wanted.limit + 1)
        last = found[wanted.limit - 1] if len(found) > wanted.limit else None
        cursor = cursor_of(last.created_at, last.id) if last is not None else None
        return Listing[DeliveryAnswer](items=[DeliveryAnswer.of(row) for row in found[: wanted.limit]], next_cursor=cursor)

    async def _need_reachable(self, url: str) -> None:
        """What is sent later is checked again then: a name may lead elsewhere tomorrow."""
        target = Target.of(url)
        await self._gate.addresses(target.host, target.port)

    def _rows(self, session: AsyncSession) -> Webhooks:
        return Webhooks(session, self._here, self._settings)

    def _keys(self, session: AsyncSession) -> SigningKeys:
        return SigningKeys(session, self._queueing.ring)

    def _trail(self, session: AsyncSession) -> Trail:
        return Trail(session, self._origin, self._who)


def _named(webhook_id: uuid.UUID) -> str:
    return f"webhook:{webhook_id}"
