from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from cluster.fakes.outside import Outside
from cluster.settings import OutgoingSettings, Settings
from cluster.stores.clients import StoreClients
from cluster.vectors import VectorStore
from tests.api.fixtures.index import index
from tests.cluster.tools.bench import Bench, benched


@pytest.fixture
def vectors() -> Iterator[VectorStore]:
    with index() as found:
        yield found


@pytest.fixture
async def outside() -> AsyncIterator[Outside]:
    async with Outside() as server:
        yield server


@pytest.fixture
async def bench(
    stores: StoreClients, store_settings: Settings, vectors: VectorStore, outside: Outside, tmp_path: Path
) -> AsyncIterator[Bench]:
    """Tools of an organisation of one's own, which may reach ``outside``."""
    outgoing = OutgoingSettings.model_validate({"allowed": (f"127.0.0.1:{outside.port}",), "first_wait_s": 0.01, "timeout_s": 5})
    settings = store_settings.model_copy(update={"outgoing": outgoing})
    async with benched(stores, settings, vectors, tmp_path / f"workspaces-{uuid.uuid4().hex}") as found:
        yield found
