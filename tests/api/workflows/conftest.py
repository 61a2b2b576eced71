"""The whole application with a small library, and people of one organisation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.web.principal import Role
from cluster.settings import Settings
from deployments.agents.runner import Runner
from tests.api.fixtures.carrying import QUICK, carrying
from tests.api.fixtures.people import Person, add_person


@dataclass(frozen=True)
class Farm:
    """An admin, an editor and a viewer of one organisation, and somebody of another."""

    admin: Person
    editor: Person
    viewer: Person
    stranger: Person


@pytest.fixture
async def farm(stores) -> Farm:
    admin = await add_person(stores)
    editor, viewer = [await add_person(stores, role, admin) for role in (Role.EDITOR, Role.VIEWER)]
    return Farm(admin, editor, viewer, await add_person(stores))


@pytest.fixture
def quick(store_settings: Settings) -> Settings:
    """Settings with which runs are looked after every moment."""
    return store_settings.model_copy(update={"graphs": QUICK})


@pytest.fixture
async def client(in_process, gateway, quick) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(gateway, quick) as client:
        yield client


@pytest.fixture
async def carried(quick, stores, gateway) -> AsyncIterator[Runner]:
    """Runs are carried on."""
    async with carrying(quick, stores, gateway) as runner:
        yield runner


def data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["data"]
