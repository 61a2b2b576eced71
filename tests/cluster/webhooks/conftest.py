from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.cluster.queue.house import QUICK, forget_messages, found
from tests.cluster.webhooks.place import Place
from tests.cluster.webhooks.receiver import Receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture
async def place(stores: StoreClients, store_settings: Settings, receiver: Receiver) -> AsyncIterator[Place]:
    await forget_messages(stores)
    outgoing = store_settings.outgoing.model_copy(update={"allowed": (f"127.0.0.1:{receiver.port}",)})
    place = Place(await found(stores, store_settings.model_copy(update={"queue": QUICK, "outgoing": outgoing})))
    yield place
    await place.outgoing.close()
    await forget_messages(stores)
