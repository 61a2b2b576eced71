"""An application of the identity operations alone, over the real stores, and people to use it."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.audit import endpoints as audit
from api.auth import endpoints as auth
from api.auth.install import install_authentication
from api.health import endpoints as health
from api.keys import endpoints as keys
from api.people import endpoints as people
from api.people.teams import endpoints as teams
from api.secrets import endpoints as secrets
from api.web.deps import Parts
from api.web.errors import CrashMiddleware, install_error_handlers
from api.web.exchange import ExchangeMiddleware
from api.web.metrics import Metrics
from api.web.openapi import install_docs
from api.web.principal import Role
from cluster.fakes.gateway import FakeGateway
from cluster.serving.vectors import ServeVectors
from cluster.settings import AuthSettings, Settings
from cluster.stores.clients import StoreClients
from tests.api.fixtures.people import PASSWORD, Person, add_person

ROUTERS = (
    auth.router,
    people.router,
    people.organisations_router,
    teams.router,
    keys.router,
    audit.router,
    secrets.router,
    health.router,
)


App = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
MakePerson = Callable[..., Awaitable[Person]]


@pytest.fixture
def home(store_settings: Settings, tmp_path: Path) -> Path:
    """With keys of its own; the stores are shared."""
    return tmp_path


@pytest.fixture
def open_app(stores: StoreClients, home: Path) -> App:
    """``async with open_app(AuthSettings(...)) as client``; each is like another replica."""

    @asynccontextmanager
    async def opened(auth_settings: AuthSettings | None = None, address: str | None = None) -> AsyncIterator[httpx.AsyncClient]:
        settings = Settings(home=home, auth=auth_settings or AuthSettings(cache_s=0))
        app = FastAPI(docs_url=None, openapi_url=None, redoc_url=None, redirect_slashes=False)
        app.state.parts = Parts(FakeGateway(), settings, Metrics(None), stores, ServeVectors(settings.vectors))
        for router in ROUTERS:
            app.include_router(router)
        install_docs(app)
        install_error_handlers(app, [])
        install_authentication(app, settings, stores)
        app.add_middleware(CrashMiddleware)
        app.add_middleware(ExchangeMiddleware, timeout_s=60)
        # An address of its own for each test, because failures are counted by it.
        transport = httpx.ASGITransport(app, client=(address or f"test-{uuid.uuid4().hex[:12]}", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            yield client

    return opened


@pytest.fixture
async def client(open_app: App) -> AsyncIterator[httpx.AsyncClient]:
    async with open_app() as client:
        yield client


@pytest.fixture
def make_person(stores: StoreClients) -> MakePerson:
    """Somebody in an organisation of their own, or in that of ``colleague``."""

    async def make(role: Role = Role.ADMIN, colleague: Person | None = None, scopes: tuple[str, ...] = ()) -> Person:
        return await add_person(stores, role, colleague, scopes)

    return make


@pytest.fixture
async def admin(make_person: MakePerson) -> Person:
    return await make_person()


async def sign_in(client: httpx.AsyncClient, person: Person, password: str = PASSWORD) -> dict[str, str]:
    answer = await client.post("/api/v1/auth/login", json={"email": person.email, "password": password})
    assert answer.status_code == 200, answer.text
    data: dict[str, str] = answer.json()["data"]
    return data


@pytest.fixture
def signed_in() -> Callable[..., Awaitable[dict[str, str]]]:
    return sign_in


@pytest.fixture
def password() -> str:
    return PASSWORD
