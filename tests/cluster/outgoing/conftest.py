"""An outgoing client of an organisation, and a world outside that it may reach on one port of loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select

from cluster.fakes.outside import NamedAddresses, Outside
from cluster.outgoing.asking import Ask, Reply
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Asker, Journal
from cluster.outgoing.tables import OutgoingRequest
from cluster.settings import OutgoingSettings, Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.people import add_person


@dataclass(frozen=True)
class Way:
    """A client and whose it is."""

    client: Outgoing
    who: Asker
    stores: StoreClients

    async def get(self, url: str, **given: Any) -> Reply:
        return await self.client.send(Ask(url, **given), self.who)

    async def rows(self) -> list[OutgoingRequest]:
        """What is written down, the oldest first."""
        chosen = select(OutgoingRequest).where(OutgoingRequest.organisation_id == self.who.organisation_id)
        async with self.stores.database.session() as session:
            return list(await session.scalars(chosen.order_by(OutgoingRequest.created_at)))


Names = dict[str, list[list[str]]]
MakeWay = Callable[..., AbstractAsyncContextManager[Way]]


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    async with Outside() as server:
        yield server


@pytest.fixture
def way(store_settings: Settings, stores: StoreClients) -> MakeWay:
    """``async with way("127.0.0.1:9000", names={...}, timeout_s=1) as going``: a client that may reach these places."""

    @asynccontextmanager
    async def make(*allowed: str, names: Names | None = None, offline: bool = False, **changes: Any) -> AsyncIterator[Way]:
        person = await add_person(stores)
        outgoing = OutgoingSettings.model_validate({"allowed": allowed, "first_wait_s": 0.01} | changes)
        settings = store_settings.model_copy(update={"outgoing": outgoing, "offline": offline})
        client = Outgoing(settings, Journal(stores.database), NamedAddresses(names or {}))
        yield Way(client, Asker(person.organisation_id, person.user_id, "http", "request-1"), stores)
        await client.close()

    return make


@pytest.fixture
async def going(way: MakeWay, outside: Outside) -> AsyncIterator[Way]:
    """May reach ``outside``, and its port only."""
    async with way(f"127.0.0.1:{outside.port}", timeout_s=5) as found:
        yield found
