from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.cluster.graphs.house import QUICK, House, forget_runs, found


@pytest.fixture
async def house(stores: StoreClients, store_settings: Settings) -> AsyncIterator[House]:
    await forget_runs(stores)
    yield await found(stores, store_settings.model_copy(update={"graphs": QUICK}))
    await forget_runs(stores)
