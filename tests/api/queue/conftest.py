"""The whole application with messages that somebody works on, and people of one organisation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import httpx
import pytest

from api.web.principal import Role
from cluster.graphs.library import GraphLibrary
from cluster.graphs.starting import RunStarter
from cluster.home import Home
from cluster.outgoing.client import Outgoing
from cluster.outgoing.journal import Journal
from cluster.queue.consumer import Consumer, Handler
from cluster.queue.doing import Beginning
from cluster.secrets.keyring import KeyRing
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from cluster.webhooks.delivering import WebhookDelivery
from tests.api.fixtures.people import Person, add_person
from tests.cluster.queue.house import QUICK, forget_messages
from tests.cluster.webhooks.receiver import Receiver


@dataclass(frozen=True)
class Farm:
    """An admin, an editor and a viewer of one organisation, and somebody of another."""

    admin: Person
    editor: Person
    viewer: Person
    stranger: Person


@pytest.fixture
async def farm(stores) -> Farm:
    admin = await add_person(stores)
    editor, viewer = [await add_person(stores, role, admin) for role in (Role.EDITOR, Role.VIEWER)]
    return Farm(admin, editor, viewer, await add_person(stores))


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def quick(stores: StoreClients, store_settings: Settings, receiver: Receiver) -> AsyncIterator[Settings]:
    await forget_messages(stores)
    outgoing = store_settings.outgoing.model_copy(update={"allowed": (f"127.0.0.1:{receiver.port}",)})
    queue = QUICK.model_copy(update={"pending_per_organisation": 20})
    yield store_settings.model_copy(update={"queue": queue, "outgoing": outgoing})
    await forget_messages(stores)


@pytest.fixture
async def client(in_process, gateway, quick) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(gateway, quick) as client:
        yield client


@pytest.fixture
def consuming(quick: Settings, stores: StoreClients):
    """``async with consuming()``: messages are worked on, as the agents' replica does it."""

    @asynccontextmanager
    async def work() -> AsyncIterator[None]:
        outgoing = Outgoing(quick, Journal(stores.database))
        ring = KeyRing(Home(quick.home).keys / "secrets.key")
        beginning = Beginning(RunStarter(stores.database, quick.graphs, GraphLibrary({})), quick)
        deliver = WebhookDelivery(stores.database, outgoing, ring, quick.webhooks)
        handlers: dict[str, Handler] = {"workflow": beginning.workflow, "ingest": beginning.ingest, "webhook": deliver}
        consumer = Consumer(stores.database, stores.cache, quick, handlers)
        consumer.start()
        yield
        await consumer.stop()
        await outgoing.close()

    return work
