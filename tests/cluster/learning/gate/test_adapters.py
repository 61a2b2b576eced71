"""Which version a verdict is about, and what the registry knows of it afterwards."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.service import InService
from cluster.learning.adapters.table import Adapter, AdapterState
from cluster.learning.gate.adapters import judged, pinned
from cluster.stores.clients import StoreClients
from cluster.stores.sql import AsyncSession
from tests.organisations import new_organisation


@pytest.fixture
async def place(stores: StoreClients) -> tuple[uuid.UUID, uuid.UUID]:
    return await new_organisation(stores.database)


@pytest.fixture
def here(place: tuple[uuid.UUID, uuid.UUID]) -> uuid.UUID:
    return place[0]


@pytest.fixture
def somebody(place: tuple[uuid.UUID, uuid.UUID]) -> uuid.UUID:
    return place[1]


async def add(session: AsyncSession, organisation_id: uuid.UUID, version: int, state: AdapterState = AdapterState.CANDIDATE) -> Adapter:
    told: dict[str, Any] = {"base": "base", "name": "records", "sha256": "0" * 64, "bytes": 1, "rank": 4, "targets": [], "lineage": {}}
    return await Adapters(session).add(organisation_id=organisation_id, version=version, state=state, **told)


async def test_a_name_stands_for_one_version_from_then_on(stores, here, somebody):
    async with stores.database.session() as session:
        assert await pinned(session, here, "base") == "base"
        assert await pinned(session, here, "base:records") == "base:records", "an adapter of the profile, or nobody's"
        first = await add(session, here, 1)
        await add(session, here, 2, AdapterState.RETIRED)
        assert await pinned(session, here, "base:records") == "base:records@1"
        await add(session, here, 3)
        assert await pinned(session, here, "base:records") == "base:records@3"
        assert await pinned(session, here, "base:records@1") == "base:records@1"
        await InService(session, 5).promote(here, first.id, somebody, force=True)
        assert await pinned(session, here, "base:records") == "base:records@1", "what is in service goes first"
        assert await pinned(session, here, "base") == "base:records@1", "the base stands for what was promoted"
        await InService(session, 5).roll_back(here, "base")
        assert await pinned(session, here, "base") == "base:base", "a canary may take a share of what asks for the base"
        other, _ = await new_organisation(stores.database)
        assert await pinned(session, other, "base:records") == "base:records"


async def test_the_registry_knows_what_was_found_and_service_is_ended_by_people(stores, here, somebody):
    async def state(row: Adapter) -> str:
        await session.refresh(row)
        return row.state

    async with stores.database.session() as session:
        one, other = await add(session, here, 1), await add(session, here, 2)
        assert await judged(session, here, "base:records@1", AdapterState.PASSED) == "base"
        assert (await state(one), await state(other)) == ("passed", "candidate")
        await judged(session, here, "base:records@1", AdapterState.REFUSED)
        assert await state(one) == "refused"
        stranger, _ = await new_organisation(stores.database)
        for where, candidate in ((stranger, "base:records@1"), (here, "base"), (here, "base:records"), (here, "base:gone@1")):
            assert await judged(session, where, candidate, AdapterState.PASSED) is None
        await InService(session, 5).promote(here, other.id, somebody, force=True)
        assert await judged(session, here, "base:records@2", AdapterState.REFUSED) is None
        assert await state(other) == "in_service"
