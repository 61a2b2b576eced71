"""A release in the shadow: asked when nobody else asks, seen by nobody, and no matter to anybody's answer."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest
from sqlalchemy import func, select, text

from cluster.contracts.generation import Generation, GenerationRequest
from cluster.contracts.models import ModelKind
from cluster.errors import EngineError
from cluster.fakes.gateway import FakeGateway, fake_model
from cluster.learning.releases.table import ReleaseShadow
from cluster.settings import Settings
from cluster.settings.releases import ReleaseSettings
from cluster.stores.clients import StoreClients
from tests.api.adapters.shelf import data_of
from tests.api.fixtures.people import Person
from tests.api.releases.shelf import FORCED, URL, act, ask, make, until
from tests.api.releases.test_answering import answered, conversation
from tests.cluster.learning.adapters.folders import BASE

UNSEEN = "Nobody sees this."


@dataclass
class Shaded(FakeGateway):
    """What is asked with the instructions of the release in the shadow waits until it may be answered, and is counted."""

    may: asyncio.Event = field(default_factory=asyncio.Event)
    begun: int = 0
    broken_off: int = 0
    fails: bool = False

    async def generate(self, request: GenerationRequest) -> Generation:
        if request.messages[0].content != UNSEEN:
            return await super().generate(request)
        self.begun += 1
        try:
            await self.may.wait()
        except asyncio.CancelledError:
            self.broken_off += 1
            raise
        if self.fails:
            raise EngineError("The adapter is broken.")
        return await super().generate(request)


@pytest.fixture
def gateway() -> Shaded:
    return Shaded(served=(fake_model(BASE, ModelKind.LLM),))


@pytest.fixture
async def client(in_process, gateway: Shaded, store_settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    quick = ReleaseSettings(shadow_look_s=0.01, shadow_kept=3, shadow_chars=200)
    async with in_process(gateway, store_settings.model_copy(update={"releases": quick})) as client:
        yield client


async def shaded(client: httpx.AsyncClient, admin: Person, *, consent: bool = True) -> Any:
    """A release to which all requests are also put."""
    told = {"may_learn": consent}
    data_of(await client.put("/api/v1/feedback/consent/organisation", json=told, headers=admin.headers))
    return data_of(await act(client, admin, await make(client, admin, UNSEEN), "shadow", {"percent": 100}, "PUT"))


async def shadows(client: httpx.AsyncClient, person: Person, release: Any, count: int) -> list[Any]:
    """As soon as there are so many, the latest first."""

    async def found() -> Any:
        page = data_of(await client.get(f"{URL}/{release['id']}/shadows", headers=person.headers))["shadows"]
        return page if len(page) >= count else None

    return list(await until(found))


async def count(stores: StoreClients, person: Person) -> int:
    async with stores.database.session() as session:
        ours = ReleaseShadow.organisation_id == person.organisation_id
        return int(await session.scalar(select(func.count()).select_from(ReleaseShadow).where(ours)) or 0)


async def test_both_answers_are_kept_side_by_side_and_one_is_shown(client, admin: Person, gateway: Shaded):
    release = await shaded(client, admin)
    assert (release["state"], release["percent"]) == ("shadow", 100)
    gateway.may.set()
    choice = await ask(client, admin)
    assert "provenance" not in choice
    (kept,) = await shadows(client, admin, release, 1)
    assert (kept["live"], kept["live_by"], kept["error"]) == (choice["message"]["content"], BASE, None)
    assert kept["messages"] == [{"role": "user", "content": "hello"}]
    assert kept["candidate"]
    assert kept["candidate_tokens"] > 0
    summary = data_of(await client.get(f"{URL}/{release['id']}/comparison", headers=admin.headers))["shadow"]
    assert (summary["asked"], summary["failed"], summary["candidate_ms"]) == (1, 0, kept["candidate_ms"])
    await ask(client, admin, f"{BASE}:base")
    await ask(client, admin, messages=[{"role": "user", "content": "x" * 201}])
    for text_ in ("one", "two", "three"):
        await ask(client, admin, messages=[{"role": "user", "content": text_}])

    async def latest() -> bool:
        page = await shadows(client, admin, release, 1)
        return [one["messages"][0]["content"] for one in page] == ["three", "two", "one"]

    assert await until(latest), "who names what to ask has no shadow, what is long has none, and the latest are kept"


async def test_somebody_who_asks_comes_first_and_is_not_waited_for(client, admin: Person, gateway: Shaded):
    release = await shaded(client, admin)
    await ask(client, admin)
    await until(_so(lambda: gateway.begun == 1))
    await ask(client, admin)
    await until(_so(lambda: gateway.broken_off == 1))
    gateway.may.set()
    assert len(await shadows(client, admin, release, 2)) == 2, "what was broken off is asked again"


async def test_what_goes_wrong_in_the_shadow_stays_there(client, admin: Person, gateway: Shaded):
    release = await shaded(client, admin)
    gateway.fails = True
    gateway.may.set()
    assert (await ask(client, admin))["message"]["content"]
    (kept,) = await shadows(client, admin, release, 1)
    assert (kept["candidate"], kept["error"]) == (None, "engine_error: The adapter is broken.")


async def test_without_consent_nothing_is_put_to_it_and_without_it_any_more_nothing_is_kept(
    client, stores, admin: Person, editor: Person, gateway: Shaded
):
    release = await shaded(client, admin, consent=False)
    gateway.may.set()
    await ask(client, admin)
    await shaded_again(client, admin)
    mine = {"may_learn": False}
    data_of(await client.put("/api/v1/feedback/consent", json=mine, headers=editor.headers))
    await ask(client, editor)
    await ask(client, admin)
    (kept,) = await shadows(client, admin, release, 1)
    assert (gateway.begun, kept["live_by"]) == (1, BASE), "only what somebody agreed to"
    data_of(await client.put("/api/v1/feedback/consent/organisation", json={"may_learn": False}, headers=admin.headers))
    assert await count(stores, admin) == 0


async def shaded_again(client: httpx.AsyncClient, admin: Person) -> None:
    """After what was asked before was looked at."""
    shadows_ = client._transport.app.state.shadows  # type: ignore[attr-defined]
    await until(_so(lambda: shadows_.waiting == 0))
    data_of(await client.put("/api/v1/feedback/consent/organisation", json={"may_learn": True}, headers=admin.headers))


async def test_it_goes_with_the_conversation_and_the_person(client, stores, admin: Person, editor: Person, gateway: Shaded):
    release = await shaded(client, admin)
    gateway.may.set()
    where = await conversation(client, admin)
    await answered(client, admin, where)
    await shadows(client, admin, release, 1)
    await ask(client, editor)
    await shadows(client, admin, release, 2)
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM conversations WHERE id = :id"), {"id": where})
    assert await count(stores, admin) == 1
    async with stores.database.session() as session:
        await session.execute(text("DELETE FROM users WHERE id = :id"), {"id": editor.user_id})
    assert await count(stores, admin) == 0


async def test_what_answers_has_no_shadow_of_itself_and_there_is_one_at_a_time(client, admin: Person):
    release = await shaded(client, admin)
    other = await make(client, admin, "Other.", "other")
    assert (await act(client, admin, other, "shadow", {"percent": 5}, "PUT")).status_code == 409
    data_of(await act(client, admin, release, "promote", FORCED))
    assert (await act(client, admin, release, "shadow", {"percent": 5}, "PUT")).status_code == 409
    assert data_of(await act(client, admin, other, "shadow", {"percent": 5}, "PUT"))["state"] == "shadow"


def _so(condition: Any) -> Any:
    async def so() -> bool:
        return bool(condition())

    return so
