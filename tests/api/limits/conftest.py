from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI

from api.web.principal import Role
from cluster.fakes.gateway import FakeGateway
from cluster.settings import AuthSettings, QuotaSettings, Settings, SubjectQuota
from cluster.stores.clients import StoreClients
from tests.api.fixtures.metering import in_process, metered_app
from tests.api.fixtures.people import Person, add_person

NONE = SubjectQuota(requests_per_minute=0, concurrent=0)
OpenApp = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]
MakeApp = Callable[..., FastAPI]
MakePerson = Callable[..., Awaitable[Person]]


def quotas(**groups: SubjectQuota) -> QuotaSettings:
    """No limits but those given; nothing is remembered."""
    return QuotaSettings(**{"organisation": NONE, "user": NONE, "key": NONE, "cache_s": 0, "lease_s": 0.6, **groups})


@pytest.fixture
def make_app(stores: StoreClients, tmp_path: Path) -> MakeApp:
    """``make_app(gateway, user=SubjectQuota(...))``"""

    def make(gateway: FakeGateway | None = None, shared: StoreClients | None = None, **groups: SubjectQuota) -> FastAPI:
        settings = Settings(home=tmp_path, auth=AuthSettings(cache_s=0), quotas=quotas(**groups))
        return metered_app(settings, shared or stores, gateway or FakeGateway())

    return make


@pytest.fixture
def open_app(make_app: MakeApp) -> OpenApp:
    @asynccontextmanager
    async def opened(gateway: FakeGateway | None = None, **groups: SubjectQuota) -> AsyncIterator[httpx.AsyncClient]:
        app = make_app(gateway, **groups)
        async with in_process(app) as client:
            yield client
        await app.state.limiter.leases.close()

    return opened


@pytest.fixture
def make_person(stores: StoreClients) -> MakePerson:
    async def make(role: Role = Role.ADMIN, colleague: Person | None = None, scopes: tuple[str, ...] = ()) -> Person:
        return await add_person(stores, role, colleague, scopes)

    return make


@pytest.fixture
async def person(make_person: MakePerson) -> Person:
    """An admin, though not of the first organisation."""
    await make_person()
    return await make_person()
