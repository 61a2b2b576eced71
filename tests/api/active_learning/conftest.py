"""People of one organisation with a campaign, over the whole application."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest

from cluster.fakes.gateway import FakeGateway
from tests.api.conftest import Client
from tests.api.fixtures.people import Person

BASE = "/api/v1/active-learning"
Ask = Callable[..., Awaitable[Any]]


@pytest.fixture
def gateway() -> FakeGateway:
    return FakeGateway(served=tuple(replace(status, nano=False) for status in FakeGateway().served))


@pytest.fixture
async def web(in_process: Client, gateway: FakeGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with in_process(gateway) as client:
        yield client


@pytest.fixture
def ask(web: httpx.AsyncClient) -> Ask:
    """``await ask(person, method, path, status=200, json=...)``: the data, or the error of an answer with that status."""

    async def send(person: Person, method: str, path: str, status: int = 200, **given: Any) -> Any:
        url = path if path.startswith("/api") else f"{BASE}{path}"
        answer = await web.request(method, url, headers=person.headers, **given)
        assert answer.status_code == status, answer.text
        return answer.json()["data" if status == 200 else "error"]

    return send


@pytest.fixture
async def campaign(ask: Ask, editor: Person) -> dict[str, Any]:
    made: dict[str, Any] = await ask(editor, "POST", "/campaigns", json={"name": "goats", "task": "farm"})
    return made
