from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest

from api.usage.ledger import UsageLedger
from api.web.principal import Principal, Role
from cluster.fakes.gateway import FakeGateway
from cluster.settings import AuthSettings, QuotaSettings, Settings
from cluster.specs.prices import Consumption
from cluster.stores.clients import StoreClients
from tests.api.fixtures.metering import PRICES, in_process, metered_app
from tests.api.fixtures.people import Person, add_person

MakePerson = Callable[..., Awaitable[Person]]
Used = Callable[..., Awaitable[None]]


@pytest.fixture
async def client(stores: StoreClients, tmp_path: Path) -> AsyncIterator[httpx.AsyncClient]:
    app = metered_app(Settings(home=tmp_path, auth=AuthSettings(cache_s=0)), stores, FakeGateway())
    async with in_process(app) as client:
        yield client


@pytest.fixture
def make_person(stores: StoreClients) -> MakePerson:
    async def make(role: Role = Role.ADMIN, colleague: Person | None = None) -> Person:
        return await add_person(stores, role, colleague)

    return make


@pytest.fixture
def used(stores: StoreClients) -> Used:
    """``await used(person, "fake-llm", Consumption(...))``: it is in the database when this returns."""

    async def record(person: Person, model: str, consumption: Consumption) -> None:
        ledger = UsageLedger(stores, QuotaSettings(), PRICES)
        await ledger.record(Principal(person.user_id, person.organisation_id, Role.VIEWER), model, consumption)
        await ledger.flush()

    return record
