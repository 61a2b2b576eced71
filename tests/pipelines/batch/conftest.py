from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from cluster.fakes.gateway import FakeGateway
from cluster.fakes.jobs import LocalJobs
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.batching import World, batch_settings, world
from tests.cluster.jobs.house import forget_jobs


@pytest.fixture
async def runner() -> AsyncIterator[LocalJobs]:
    local = LocalJobs()
    yield local
    await local.end()


@pytest.fixture
async def made(stores: StoreClients, store_settings: Settings, tmp_path: Path, runner: LocalJobs) -> AsyncIterator[Any]:
    """``async with made(gateway, **settings) as world``"""

    def make(gateway: FakeGateway | None = None, **changes: Any) -> AbstractAsyncContextManager[World]:
        settings = batch_settings(tmp_path, store_settings, **changes)
        return partial(world, settings, stores)(gateway or FakeGateway(), runner)

    await forget_jobs(stores)
    yield make
    await forget_jobs(stores)
