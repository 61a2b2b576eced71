from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.deployments.agents.place import QUICK, Place, found


@pytest.fixture
async def place(stores: StoreClients, store_settings: Settings) -> AsyncIterator[Place]:
    made = await found(stores, store_settings.model_copy(update={"graphs": QUICK}))
    yield made
    await made.close()
