from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from cluster.settings import Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.index import index
from tests.api.fixtures.knowing import Library, Saying, knowing_app
from tests.api.fixtures.people import add_person


@pytest.fixture
def model() -> Saying:
    return Saying()


@pytest.fixture
async def library(stores: StoreClients) -> AsyncIterator[Library]:
    """Somebody's, about goats and tides."""
    with index() as vectors:
        library = Library(stores, vectors, await add_person(stores))
        farm = await library.collection("farm", retrieval="keywords")
        await library.add(farm, "goats.pdf", "Goats are animals. Goats climb steep hills at dawn.", "Goats sleep in barns.")
        await library.add(farm, "tides.txt", "The tide follows the moon.")
        yield library


@pytest.fixture
async def asker(library: Library, model: Saying, store_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """The library's owner, whom ``model`` answers."""
    app = knowing_app(model, store_settings, library.stores, library.vectors)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=library.person.headers) as client:
        yield client
