from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

import httpx
import pytest
from fastapi import FastAPI

from cluster.fakes.gateway import FakeGateway
from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from cluster.vectors import VectorStore
from tests.api.fixtures.index import index
from tests.api.fixtures.knowing import Library, knowing_app
from tests.api.fixtures.people import add_person


@pytest.fixture
def vectors() -> Iterator[VectorStore]:
    with index() as found:
        yield found


@pytest.fixture
def app(gateway: FakeGateway, store_settings: Settings, stores: StoreClients, vectors: VectorStore) -> FastAPI:
    return knowing_app(gateway, store_settings, stores, vectors)


@pytest.fixture
async def library(stores: StoreClients, vectors: VectorStore) -> Library:
    """Somebody's, with two collections."""
    library = Library(stores, vectors, await add_person(stores))
    farm, crafts = await library.collection("farm"), await library.collection("crafts")
    await library.add(farm, "animals/goats.pdf", "Goats climb steep hills at dawn.", "Goats sleep in barns.", heading_path=("Goats",))
    await library.add(farm, "tides.txt", "The tide follows the moon.", tags=("sea",))
    await library.add(crafts, "wool.md", "Wool of goats is spun after shearing.", attributes={"year": 2020})
    return library


@pytest.fixture
async def client(app: FastAPI, library: Library) -> AsyncIterator[httpx.AsyncClient]:
    """The library's owner."""
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=library.person.headers) as client:
        yield client
