"""An organisation with webhooks, and whoever delivers to them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from cluster.home import Home
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Journal
from cluster.queue.store import Wanted
from cluster.queue.tables import QueueMessage
from cluster.secrets.keyring import KeyRing
from cluster.webhooks.delivering import WebhookDelivery
from cluster.webhooks.events import tell
from cluster.webhooks.keys import SigningKeys
from cluster.webhooks.store import Webhooks
from cluster.webhooks.tables import Webhook
from cluster.webhooks.tables import WebhookDelivery as Row
from tests.cluster.queue.house import House
from tests.patience import PATIENCE_S


class Place:
    def __init__(self, house: House, outgoing: Outgoing | None = None, **changes: Any) -> None:
        self.house = house
        self.settings = house.settings.webhooks.model_copy(update=changes)
        self.ring = KeyRing(Home(house.settings.home).keys / "secrets.key")
        self.outgoing = outgoing or Outgoing(house.settings, Journal(house.database))

    def limited(self, house: House | None = None, **changes: Any) -> Place:
        """The same with other settings."""
        return Place(house or self.house, self.outgoing, **changes)

    async def subscribe(self, url: str, *events: str) -> tuple[Webhook, str]:
        async with self.house.database.session() as session:
            row = await Webhooks(session, self.house.organisation_id, self.settings).add(self.house.owner_id, url, events, "")
            return row, await SigningKeys(session, self.ring).make(self.house.organisation_id, row.id)

    async def rotate(self, webhook: Webhook) -> str:
        async with self.house.database.session() as session:
            return await SigningKeys(session, self.ring).rotate(self.house.organisation_id, webhook.id)

    async def look(self, webhook: Webhook) -> Webhook:
        async with self.house.database.session() as session:
            return await Webhooks(session, self.house.organisation_id, self.settings).get(webhook.id)

    async def deliveries(self, webhook: Webhook) -> Sequence[Row]:
        async with self.house.database.session() as session:
            return await Webhooks(session, self.house.organisation_id, self.settings).deliveries(webhook.id, None, 100)

    async def tell(self, event: str, **data: Any) -> None:
        async with self.house.database.session() as session:
            await tell(session, self.house.organisation_id, event, data)

    async def waiting(self) -> Sequence[QueueMessage]:
        async with self.house.messages() as messages:
            return await messages.page(self.house.organisation_id, Wanted(), 100)

    @asynccontextmanager
    async def delivering(self) -> AsyncIterator[None]:
        deliver = WebhookDelivery(self.house.database, self.outgoing, self.ring, self.settings)
        async with self.house.consuming({"webhook": deliver}):
            yield

    async def settled(self) -> Sequence[QueueMessage]:
        """All messages, when none waits any more."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                found = await self.waiting()
                if all(message.state in {"done", "dead"} for message in found):
                    return found
                await asyncio.sleep(0.02)
