"""Webhooks, and hooks that others call, as people know them. In the transaction of the caller's session."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, text, tuple_, update

from cluster.errors import Conflict, NotFound
from cluster.queue.kinds import WEBHOOK
from cluster.queue.tables import AT_ONCE, EVENTS, QueueMessage
from cluster.settings import WebhookSettings
from cluster.stores.locks import COUNTING_MESSAGES
from cluster.stores.sql import AsyncSession
from cluster.webhooks.tables import Hook, Webhook, WebhookDelivery

Position = tuple[datetime, uuid.UUID]
TEST = "webhook.test"


class Webhooks:
    """Of one organisation."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID, settings: WebhookSettings) -> None:
        self._session = session
        self._here = organisation_id
        self._settings = settings

    async def all(self) -> Sequence[Webhook]:
        return (
            await self._session.scalars(select(Webhook).where(Webhook.organisation_id == self._here).order_by(Webhook.created_at))
        ).all()

    async def get(self, webhook_id: uuid.UUID, *, lock: bool = False) -> Webhook:
        """Raises NotFound, also for one of another organisation."""
        chosen = select(Webhook).where(Webhook.id == webhook_id, Webhook.organisation_id == self._here)
        row = await self._session.scalar(chosen.with_for_update() if lock else chosen, execution_options={"populate_existing": True})
        if row is None:
            raise NotFound("There is no such webhook; GET /api/v1/integration/webhooks lists those there are.")
        return row

    async def add(self, owner_id: uuid.UUID, url: str, events: Sequence[str], description: str) -> Webhook:
        """Raises Conflict over ``webhooks.per_organisation``."""
        await _need_room(self._session, Webhook, self._here, self._settings.per_organisation)
        values = {"id": uuid.uuid4(), "organisation_id": self._here, "owner_id": owner_id, "url": url, "events": list(events)}
        return (await self._session.scalars(insert(Webhook).values({**values, "description": description}).returning(Webhook))).one()

    async def change(self, webhook_id: uuid.UUID, values: dict[str, Any]) -> Webhook:
        """One that is enabled begins anew: nothing has failed yet."""
        fresh = {"failures": 0, "disabled_at": None, "disabled_reason": None} if values.get("enabled") else {}
        changing = update(Webhook).where(Webhook.id == webhook_id, Webhook.organisation_id == self._here)
        await self._session.execute(changing.values({**values, **fresh, "updated_at": func.now()}))
        return await self.get(webhook_id)

    async def remove(self, webhook_id: uuid.UUID) -> None:
        """With what waits for it, and its log."""
        await self._session.execute(delete(Webhook).where(Webhook.id == webhook_id, Webhook.organisation_id == self._here))

    async def test(self, webhook: Webhook) -> uuid.UUID:
        """A message that is delivered before all others; its id."""
        payload = {"webhook_id": str(webhook.id), "type": TEST, "data": {"message": "It arrives."}}
        values: dict[str, Any] = {"id": uuid.uuid4(), "organisation_id": self._here, "owner_id": webhook.owner_id}
        values |= {"queue": EVENTS, "type": WEBHOOK}
        values |= {"payload": payload, "webhook_id": webhook.id, "priority": 100, "not_before": AT_ONCE}
        return (await self._session.scalars(insert(QueueMessage).values(values).returning(QueueMessage.id))).one()

    async def deliveries(self, webhook_id: uuid.UUID, before: Position | None, most: int) -> Sequence[WebhookDelivery]:
        """The latest first."""
        chosen = select(WebhookDelivery).where(WebhookDelivery.webhook_id == webhook_id, WebhookDelivery.organisation_id == self._here)
        place = (WebhookDelivery.created_at, WebhookDelivery.id)
        if before is not None:
            chosen = chosen.where(tuple_(*place) < before)
        return (await self._session.scalars(chosen.order_by(*(column.desc() for column in place)).limit(most))).all()


class Hooks:
    """Of one organisation; ``anybody`` finds one without knowing it."""

    def __init__(self, session: AsyncSession, settings: WebhookSettings) -> None:
        self._session = session
        self._settings = settings

    async def all(self, organisation_id: uuid.UUID) -> Sequence[Hook]:
        return (await self._session.scalars(select(Hook).where(Hook.organisation_id == organisation_id).order_by(Hook.created_at))).all()

    async def anybody(self, hook_id: uuid.UUID) -> Hook | None:
        return await self._session.get(Hook, hook_id)

    async def get(self, organisation_id: uuid.UUID, hook_id: uuid.UUID) -> Hook:
        """Raises NotFound, also for one of another organisation."""
        hook = await self.anybody(hook_id)
        if hook is None or hook.organisation_id != organisation_id:
            raise NotFound("There is no such hook; GET /api/v1/integration/webhooks/incoming lists those there are.")
        return hook

    async def add(self, values: dict[str, Any]) -> Hook:
        """Raises Conflict over ``webhooks.per_organisation``."""
        await _need_room(self._session, Hook, values["organisation_id"], self._settings.per_organisation)
        return (await self._session.scalars(insert(Hook).values({"id": uuid.uuid4(), **values}).returning(Hook))).one()

    async def called(self, hook_id: uuid.UUID) -> None:
        await self._session.execute(update(Hook).where(Hook.id == hook_id).values(called_at=func.now()))

    async def remove(self, hook: Hook) -> None:
        await self._session.execute(delete(Hook).where(Hook.id == hook.id))


async def _need_room(session: AsyncSession, table: type[Webhook | Hook], organisation_id: uuid.UUID, most: int) -> None:
    counting = text("SELECT pg_advisory_xact_lock(:counting, hashtext(:organisation))")
    await session.execute(counting, {"counting": COUNTING_MESSAGES, "organisation": str(organisation_id)})
    if (await session.scalar(select(func.count()).where(table.organisation_id == organisation_id)) or 0) >= most:
        raise Conflict(f"The organisation has {most} of them already (setting webhooks.per_organisation); remove one first.")
