"""How deliveries ended, and what that means for their webhook."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from sqlalchemy import delete, func, insert, literal, select, update

from cluster.graphs.storable import shortened
from cluster.queue.states import DEAD, QUEUED
from cluster.queue.tables import QueueMessage
from cluster.settings import WebhookSettings
from cluster.stores.sql import AsyncSession
from cluster.webhooks.events import tell
from cluster.webhooks.tables import Webhook, WebhookDelivery

ERROR_CHARS = 500
AT_MOST = 5000


@dataclass(frozen=True, slots=True)
class Delivered:
    """``error`` None: the server took it."""

    status: int | None
    ms: int
    error: str | None = None
    gone: bool = False


class DeliveryLog:
    """In the transaction of ``session``."""

    def __init__(self, session: AsyncSession, settings: WebhookSettings) -> None:
        self._session = session
        self._settings = settings

    async def note(self, message: QueueMessage, webhook_id: uuid.UUID, event: str, ended: Delivered) -> None:
        """Writes the attempt down, and disables the webhook where it was one too many, or the server says that it is gone (410)."""
        error = None if ended.error is None else shortened(ended.error, ERROR_CHARS)
        values: dict[str, Any] = {
            "id": uuid.uuid4(),
            "organisation_id": message.organisation_id,
            "webhook_id": webhook_id,
            "message_id": message.id,
        }
        values |= {"event": event[:64], "attempt": message.attempt, "status": ended.status, "ms": ended.ms, "error": error}
        await self._session.execute(insert(WebhookDelivery).values(values))
        if error is None:
            await self._set(webhook_id, failures=0, delivered_at=func.now())
            return
        failures = await self._set(webhook_id, failures=Webhook.failures + 1)
        if ended.gone:
            await self.disable(webhook_id, f"Its server said that it is gone: {error}")
        elif failures is not None and failures >= self._settings.max_failures:
            often = f"{failures} deliveries failed one after the other (setting webhooks.max_failures)"
            await self.disable(webhook_id, f"{often}, the last one so: {error}")

    async def disable(self, webhook_id: uuid.UUID, reason: str) -> None:
        """What waits for it is dead, so that it can be replayed once it is enabled again. Other webhooks are told."""
        values = {"enabled": False, "disabled_at": func.now(), "disabled_reason": reason}
        disabling = update(Webhook).where(Webhook.id == webhook_id, Webhook.enabled).values(values).returning(Webhook.organisation_id)
        organisation_id = await self._session.scalar(disabling, execution_options={"synchronize_session": False})
        if organisation_id is None:
            return
        await tell(self._session, organisation_id, "webhook.disabled", {"webhook_id": str(webhook_id), "reason": reason})
        waiting = (QueueMessage.webhook_id == webhook_id, QueueMessage.state == QUEUED)
        dead = {"state": DEAD, "finished_at": func.now(), "error": literal(f"Its webhook was disabled. {reason}")}
        await self._session.execute(update(QueueMessage).where(*waiting).values(dead), execution_options={"synchronize_session": False})

    async def disable_crowded(self) -> int:
        """Disables webhooks for which more than ``webhooks.pending`` deliveries wait; how many there were."""
        waiting = select(QueueMessage.webhook_id).where(QueueMessage.state == QUEUED, QueueMessage.webhook_id.is_not(None))
        crowded = waiting.group_by(QueueMessage.webhook_id).having(func.count() > self._settings.pending)
        found = (await self._session.scalars(crowded)).all()
        for webhook_id in filter(None, found):
            await self.disable(webhook_id, f"More than {self._settings.pending} deliveries waited for it (setting webhooks.pending).")
        return len(found)

    async def remove_older(self) -> int:
        old = WebhookDelivery.created_at < func.now() - timedelta(days=self._settings.log_days)
        chosen = select(WebhookDelivery.id).where(old).limit(AT_MOST)
        gone = delete(WebhookDelivery).where(WebhookDelivery.id.in_(chosen)).returning(WebhookDelivery.id)
        return len((await self._session.scalars(gone)).all())

    async def _set(self, webhook_id: uuid.UUID, **values: Any) -> int | None:
        changing = update(Webhook).where(Webhook.id == webhook_id).values(values).returning(Webhook.failures)
        failures: int | None = await self._session.scalar(changing, execution_options={"synchronize_session": False})
        return failures
