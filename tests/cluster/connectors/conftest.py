"""Connectors of an organisation, in a world on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from cluster.connectors.base import Connector, Item, Surroundings
from cluster.connectors.registry import REGISTRY
from cluster.fakes.outside import NamedAddresses, Outside
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Asker, Journal
from cluster.settings import ConnectorSettings, OutgoingSettings, Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.people import Person, add_person

Open = Callable[..., AbstractAsyncContextManager[Connector]]


@dataclass(frozen=True)
class Ground:
    """Who connects, and how."""

    person: Person
    settings: Settings
    outgoing: Outgoing


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    async with Outside() as server:
        yield server


@pytest.fixture
async def ground(store_settings: Settings, stores: StoreClients) -> AsyncIterator[Ground]:
    """May reach all of 127.0.0.1, and waits for nobody."""
    person = await add_person(stores)
    places = OutgoingSettings(allowed=("127.0.0.1",), ports=tuple(range(1024, 65536)), first_wait_s=0.01)
    changes = {"outgoing": places, "connectors": ConnectorSettings(delay_s=0, longest_delay_s=0)}
    settings = store_settings.model_copy(update=changes)
    outgoing = Outgoing(settings, Journal(stores.database), NamedAddresses({}))
    yield Ground(person, settings, outgoing)
    await outgoing.close()


@pytest.fixture
def opening(ground: Ground) -> Open:
    """``async with opening("web", {...}, secrets={"bearer": "hush"}, page_bytes=5000) as source``"""

    @asynccontextmanager
    async def make(name: str, options: dict[str, Any], *, secrets: dict[str, str] | None = None, **limits: Any) -> AsyncIterator[Connector]:
        changed = ground.settings.connectors.model_copy(update=limits)
        settings = ground.settings.model_copy(update={"connectors": changed})
        asker = Asker(ground.person.organisation_id, ground.person.user_id, f"connector:{name}")
        around = Surroundings(settings, ground.outgoing, asker, secrets or {})
        source = REGISTRY.get(name).open(REGISTRY.options(name, options), around)
        yield source
        await source.close()

    return make


async def listed(source: Connector) -> list[Item]:
    return [item async for item in source.discover()]
