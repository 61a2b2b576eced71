"""The API over a gateway without models: called in process, or served by a real uvicorn on a free port of this machine."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from pathlib import Path

import httpx
import pytest
import uvicorn

from api.app import create_app
from api.web.principal import Role
from cluster.fakes.gateway import FakeGateway
from cluster.settings import Settings
from cluster.stores.clients import StoreClients, connect
from tests.api.fixtures.index import index
from tests.api.fixtures.people import Person, add_person
from tests.patience import PATIENCE_S

Client = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def gateway():
    return FakeGateway()


@pytest.fixture(scope="session")
def api_key(store_settings: Settings) -> str:
    """The key of an admin whose organisation all these tests share."""

    async def make() -> str:
        stores = connect(store_settings)
        try:
            return (await add_person(stores)).key
        finally:
            await stores.close()

    return asyncio.run(make())


@pytest.fixture
async def admin(stores: StoreClients) -> Person:
    """Of an organisation of their own, in which `editor` and `viewer` are too."""
    return await add_person(stores)


@pytest.fixture
async def editor(stores: StoreClients, admin: Person) -> Person:
    return await add_person(stores, Role.EDITOR, admin)


@pytest.fixture
async def viewer(stores: StoreClients, admin: Person) -> Person:
    return await add_person(stores, Role.VIEWER, admin)


def _shown(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


async def _until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while not condition():  # noqa: ASYNC110 - what is waited for does not know that anybody waits
            await asyncio.sleep(0.01)


@asynccontextmanager
async def _in_process(home: Path, key: str, gateway: FakeGateway, settings: Settings | None = None) -> AsyncIterator[httpx.AsyncClient]:
    chosen = (settings or Settings(offline=True)).model_copy(update={"home": home})
    stores = connect(chosen)
    with index() as vectors:
        app = create_app(gateway, chosen, stores, vectors)
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://localhost", headers=_shown(key)) as client,
        ):
            yield client
    await stores.close()


@asynccontextmanager
async def _served(home: Path, key: str, gateway: FakeGateway, settings: Settings | None = None) -> AsyncIterator[httpx.AsyncClient]:
    chosen = (settings or Settings(offline=True)).model_copy(update={"home": home})
    stores = connect(chosen)
    listener = socket.create_server(("127.0.0.1", 0))
    with index() as vectors:
        config = uvicorn.Config(create_app(gateway, chosen, stores, vectors), log_level="warning", lifespan="on")
        server = uvicorn.Server(config)
        running = asyncio.ensure_future(server.serve(sockets=[listener]))
        try:
            await _until(lambda: server.started)
            base = f"http://127.0.0.1:{listener.getsockname()[1]}"
            async with httpx.AsyncClient(base_url=base, timeout=20, headers=_shown(key)) as client:
                yield client
        finally:
            server.should_exit = True
            await running
            listener.close()
            await stores.close()


@pytest.fixture
def in_process(store_settings: Settings, api_key: str) -> Client:
    """``async with in_process(gateway, settings) as client``, who shows an admin's key."""
    return partial(_in_process, store_settings.home, api_key)


@pytest.fixture
def served(store_settings: Settings, api_key: str) -> Client:
    """``async with served(gateway, settings) as client``: over a real socket."""
    return partial(_served, store_settings.home, api_key)


@pytest.fixture
async def client(in_process, gateway):
    async with in_process(gateway) as client:
        yield client


@pytest.fixture
def eventually():
    """Wait until a condition holds, or fail when patience ends."""

    return _until


def error_of(response: httpx.Response) -> dict[str, str]:
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert response.headers["x-request-id"]
    error: dict[str, str] = body["error"]
    return error


@pytest.fixture
def error():
    """The error in an answer, checked to be in the one shape."""
    return error_of
