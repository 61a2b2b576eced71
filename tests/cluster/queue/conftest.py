from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.cluster.queue.house import QUICK, House, forget_messages, found


@pytest.fixture
async def house(stores: StoreClients, store_settings: Settings) -> AsyncIterator[House]:
    await forget_messages(stores)
    yield await found(stores, store_settings.model_copy(update={"queue": QUICK}))
    await forget_messages(stores)
