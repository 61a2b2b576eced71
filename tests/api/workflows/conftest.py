"""The whole application with a small library, and people of one organisation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from api.web.principal import Role
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


def data(answer: httpx.Response, status: int = 200) -> Any:
    assert answer.status_code == status, answer.text
    return answer.json()["data"]
