"""Releases over HTTP, and what they make of answers."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable
from typing import Any

import httpx

from cluster.contracts.generation import GenerationRequest
from cluster.fakes.gateway import FakeGateway
from tests.api.adapters.shelf import data_of
from tests.api.fixtures.people import Person
from tests.cluster.learning.adapters.folders import BASE
from tests.patience import PATIENCE_S

URL = "/api/v1/releases"
FORCED = {"force": True, "reason": "It was tried by hand."}
_numbers = itertools.count()


async def prompt(client: httpx.AsyncClient, person: Person, text: str) -> str:
    """Name of a new system prompt."""
    name = f"prompt {next(_numbers)}"
    data_of(await client.post("/api/v1/prompts", json={"name": name, "text": text}, headers=person.headers))
    return name


async def make(client: httpx.AsyncClient, person: Person, text: str | None = "Be brief.", name: str = "support", **fields: Any) -> Any:
    """A release with a prompt of ``text``."""
    told = {"prompt": {"name": await prompt(client, person, text)}} if text is not None else {}
    return data_of(await client.post(URL, json={"base": BASE, "name": name, **told, **fields}, headers=person.headers))


async def act(
    client: httpx.AsyncClient, person: Person, release: Any, what: str, body: object | None = None, method: str = "POST"
) -> httpx.Response:
    return await client.request(method, f"{URL}/{release['id']}/{what}", json=body, headers=person.headers)


async def roll_back(client: httpx.AsyncClient, person: Person, url: str = URL) -> Any:
    return data_of(await client.post(f"{url}/rollback", json={"base": BASE}, headers=person.headers))


async def ask(client: httpx.AsyncClient, person: Person, model: str = BASE, **fields: Any) -> Any:
    """The choice, with its provenance."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}], **fields}
    answer = await client.post("/v1/chat/completions", json=body, headers=person.headers)
    assert answer.status_code == 200, answer.text
    return answer.json()["choices"][0]


def told(gateway: FakeGateway) -> tuple[str | None, str | None]:
    """The instructions and the adapter of the latest request."""
    request = gateway.asked_for(GenerationRequest)[-1]
    first = request.messages[0]
    return (first.content if first.role == "system" else None), request.adapter


async def until(condition: Callable[[], Awaitable[Any]]) -> Any:
    """What it gives as soon as that is something."""
    async with asyncio.timeout(PATIENCE_S):
        while not (found := await condition()):  # noqa: ASYNC110 - what is waited for does not know that anybody waits
            await asyncio.sleep(0.02)
    return found
