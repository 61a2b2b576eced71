from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cluster.fakes.jobs import LocalJobs
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.cluster.jobs.house import House, forget_jobs, found, quick_settings


@pytest.fixture
async def house(stores: StoreClients, store_settings: Settings, tmp_path: Path) -> AsyncIterator[House]:
    await forget_jobs(stores)
    yield await found(stores.database, quick_settings(tmp_path, store_settings), tmp_path)
    await forget_jobs(stores)


@pytest.fixture
async def runner() -> AsyncIterator[LocalJobs]:
    local = LocalJobs()
    yield local
    await local.end()
