from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.cluster.jobs.house import forget_jobs, quick_settings
from tests.training.datasets.workshop import Workshop, few, opened


@pytest.fixture
async def workshop(stores: StoreClients, store_settings: Settings, tmp_path: Path) -> AsyncIterator[Workshop]:
    await forget_jobs(stores)
    yield await opened(stores.database, few(quick_settings(tmp_path, store_settings)))
    await forget_jobs(stores)
