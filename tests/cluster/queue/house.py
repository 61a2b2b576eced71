"""Where messages of the tests live: an organisation, a queue without anybody else's messages, and settings that are quick."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from sqlalchemy import text

from cluster.graphs.owning import Ownership
from cluster.queue.claims import MessageClaims
from cluster.queue.consumer import Consumer, Handler
from cluster.queue.store import Messages, NewMessage
from cluster.queue.tables import QueueMessage
from cluster.settings import QueueSettings, Settings
from cluster.stores.clients import StoreClients
from cluster.stores.sql import AsyncSession, Database
from tests.organisations import new_organisation
from tests.patience import PATIENCE_S

QUICK = QueueSettings(look_s=0.05, first_wait_s=0.05, longest_wait_s=0.2, max_attempts=3, concurrent_per_organisation=4, timeout_s=30)


@dataclass(frozen=True)
class House:
    stores: StoreClients
    settings: Settings
    organisation_id: uuid.UUID
    owner_id: uuid.UUID

    @property
    def database(self) -> Database:
        return self.stores.database

    @property
    def claims(self) -> MessageClaims:
        return MessageClaims(self.database, self.settings.queue)

    async def neighbour(self) -> House:
        return await found(self.stores, self.settings)

    def limited(self, **changes: Any) -> House:
        """The same with other settings."""
        queue = self.settings.queue.model_copy(update=changes)
        return House(self.stores, self.settings.model_copy(update={"queue": queue}), self.organisation_id, self.owner_id)

    def new(self, **changes: Any) -> NewMessage:
        fixed: dict[str, Any] = {"type": "count", "payload": {"n": 1}, "role": "editor"}
        return NewMessage(organisation_id=self.organisation_id, owner_id=self.owner_id, **(fixed | changes))

    @asynccontextmanager
    async def messages(self) -> AsyncIterator[Messages]:
        async with self.database.session() as session:
            yield Messages(session, self.settings.queue)

    async def add(self, **changes: Any) -> QueueMessage:
        async with self.messages() as messages:
            return await messages.enqueue(self.new(**changes))

    async def look(self, message: QueueMessage) -> QueueMessage:
        async with self.messages() as messages:
            return await messages.get(self.organisation_id, message.id)

    async def until(self, message: QueueMessage, so: Callable[[QueueMessage], object]) -> QueueMessage:
        """The message, as soon as it is ``so``."""
        async with asyncio.timeout(PATIENCE_S):
            while not so(now := await self.look(message)):  # noqa: ASYNC110 - what is waited for is in another process
                await asyncio.sleep(0.02)
            return now

    async def ended(self, message: QueueMessage) -> QueueMessage:
        return await self.until(message, lambda now: now.state in {"done", "dead"})

    async def execute(self, statement: str, **values: Any) -> None:
        async with self.database.session() as session:
            await session.execute(text(statement), values)

    async def leave_mark(self, session: AsyncSession, name: str) -> None:
        """Writes something that others can see."""
        await session.execute(text("INSERT INTO organisations (id, name) VALUES (gen_random_uuid(), :name)"), {"name": self._named(name)})

    async def marks(self) -> list[str]:
        """What was written so."""
        async with self.database.session() as session:
            chosen = text("SELECT name FROM organisations WHERE name LIKE :like ORDER BY name")
            found = (await session.scalars(chosen, {"like": self._named("%")})).all()
        return [str(name).removeprefix(self._named("")) for name in found]

    def _named(self, name: str) -> str:
        return f"{self.organisation_id} {name}"

    @asynccontextmanager
    async def owning(self) -> AsyncIterator[int]:
        """A lock that is held, as a process holds it."""
        own = Ownership(self.settings)
        await own.start()
        try:
            yield own.worker
        finally:
            await own.stop()

    async def lost_one(self) -> None:
        """Takes one message over, as soon as PostgreSQL has noticed that its owner is gone."""
        async with asyncio.timeout(PATIENCE_S):
            while not await self.claims.take_over():  # noqa: ASYNC110 - it is for PostgreSQL to notice
                await asyncio.sleep(0.02)

    @asynccontextmanager
    async def consuming(self, handlers: Mapping[str, Handler]) -> AsyncIterator[Consumer]:
        consumer = Consumer(self.database, self.stores.cache, self.settings, handlers)
        consumer.start()
        try:
            yield consumer
        finally:
            await consumer.stop()


async def found(stores: StoreClients, settings: Settings) -> House:
    """A new organisation with one member."""
    organisation, user = await new_organisation(stores.database)
    return House(stores, settings, organisation, user)


async def forget_messages(stores: StoreClients) -> None:
    """Whoever claims, claims anybody's."""
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM queue_messages"))
