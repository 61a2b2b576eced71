"""Somebody is erased whose words the adapter in service has learned: people are told, and what happens is what the setting says."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import select

from api.web.principal import Role
from cluster.fakes.gateway import FakeGateway
from cluster.learning.datasets.store import Datasets
from cluster.learning.datasets.tables import DatasetSource
from cluster.learning.example import Source
from cluster.learning.feedback.table import ErasedExample
from cluster.settings import AdapterSettings, Settings
from cluster.stores.clients import StoreClients
from tests.api.adapters.shelf import URL, data_of, upload, zipped
from tests.api.conftest import error_of
from tests.api.fixtures.people import Person, add_person
from tests.api.releases.shelf import FORCED, act, make
from tests.cluster.learning.adapters.folders import write_adapter
from tests.patience import PATIENCE_S

CHAT = {"model": "hearth-nano", "messages": [{"role": "user", "content": "hello"}]}


@pytest.fixture
async def teacher(stores: StoreClients, admin: Person) -> Person:
    """Somebody of the organisation whose words are learned, and who leaves."""
    return await add_person(stores, Role.EDITOR, admin)


async def version_of(stores: StoreClients, whose: Person, sha256: str) -> None:
    """A version of a dataset with one example, this person's."""
    named: dict[str, Any] = {"name": sha256[:8], "task": "sums", "shape": "sft", "recipe": {}}
    source = Source(kind="feedback", id=uuid.uuid4().hex, user_id=str(whose.user_id))
    async with stores.database.session() as session:
        datasets = Datasets(session)
        row = await datasets.add({"organisation_id": whose.organisation_id, "owner_id": whose.user_id, **named})
        values: dict[str, Any] = {"sha256": sha256, "train": 1, "held_out": 0, "datasheet": {}}
        await datasets.add_sources(await datasets.add_version(row, values), [source])


async def trained_on(client: httpx.AsyncClient, admin: Person, folder: Path, seed: int, sha256: str) -> Any:
    """An adapter in service."""
    archive = zipped(write_adapter(folder / str(seed), seed=seed))
    adapter = data_of(await upload(client, archive, headers=admin.headers, lineage=f'{{"dataset_sha256": "{sha256}"}}'))
    promoted = await client.post(f"{URL}/{adapter['id']}/promote", json={"force": True}, headers=admin.headers)
    return data_of(promoted)


async def erase(client: httpx.AsyncClient, admin: Person, gone: Person) -> None:
    data_of(await client.delete(f"/api/v1/users/{gone.user_id}", params={"hard_delete": "true"}, headers=admin.headers))


async def who_answers(client: httpx.AsyncClient, admin: Person) -> str:
    (choice,) = (await client.post("/v1/chat/completions", json=CHAT, headers=admin.headers)).json()["choices"]
    return str((choice.get("provenance") or {"served_by": "hearth-nano"})["served_by"])


async def until_answers(client: httpx.AsyncClient, admin: Person, expected: str) -> None:
    async with asyncio.timeout(PATIENCE_S):
        while await who_answers(client, admin) != expected:  # noqa: ASYNC110 - it is written down behind whoever asks
            await asyncio.sleep(0.05)


async def told(client: httpx.AsyncClient, admin: Person) -> list[tuple[str, bool, bool]]:
    events = data_of(await client.get("/api/v1/audit?action=adapter.marked", headers=admin.headers))["events"]
    assert {event["actor_id"] for event in events} <= {str(admin.user_id)}
    return sorted((event["target"], event["detail"]["in_use"], event["detail"]["retired"]) for event in events)


async def test_the_adapter_stays_marked_until_people_decide(client, stores, admin: Person, teacher: Person, tmp_path: Path):
    await version_of(stores, teacher, "a" * 64)
    adapter = await trained_on(client, admin, tmp_path, 1, "a" * 64)
    await erase(client, admin, teacher)
    now = data_of(await client.get(f"{URL}/{adapter['id']}", headers=admin.headers))
    assert (now["state"], now["marked"].partition(" ")[0]) == ("in_service", "It")
    assert "train it again" in now["marked"]
    assert await told(client, admin) == [(f"adapter:{adapter['id']}", True, False)]
    assert await who_answers(client, admin) == adapter["model"]
    data_of(await client.post(f"{URL}/rollback", json={"base": "hearth-nano"}, headers=admin.headers))
    assert await who_answers(client, admin) == "hearth-nano"
    again = await client.post(f"{URL}/{adapter['id']}/promote", json={}, headers=admin.headers)
    assert "words that were taken back" in error_of(again)["message"]


async def test_where_the_operator_says_so_it_is_out_of_service_at_once_and_nothing_marked_comes_back(
    in_process, stores, gateway: FakeGateway, store_settings: Settings, admin: Person, teacher: Person, tmp_path: Path
):
    adapters = AdapterSettings(taken_back="retire", look_s=0.1)
    for sha256 in ("b" * 64, "c" * 64):
        await version_of(stores, teacher, sha256)
    async with in_process(gateway, store_settings.model_copy(update={"adapters": adapters})) as client:
        clean = await trained_on(client, admin, tmp_path, 2, "d" * 64)
        before, last = [await trained_on(client, admin, tmp_path, seed, sha256) for seed, sha256 in ((3, "b" * 64), (4, "c" * 64))]
        assert await who_answers(client, admin) == last["model"]
        await erase(client, admin, teacher)
        await until_answers(client, admin, clean["model"])
        states = {one["id"]: one["state"] for one in data_of(await client.get(URL, headers=admin.headers))["adapters"]}
        assert states == {clean["id"]: "in_service", before["id"]: "retired", last["id"]: "retired"}
        assert await told(client, admin) == sorted([(f"adapter:{before['id']}", False, True), (f"adapter:{last['id']}", True, True)])
        named = await client.post("/v1/chat/completions", json={**CHAT, "model": last["model"]}, headers=admin.headers)
        assert error_of(named)["code"] == "model_not_found"


async def test_feedback_that_is_taken_back_does_the_same_behind_whoever_takes_it(
    in_process, stores, gateway: FakeGateway, store_settings: Settings, admin: Person, teacher: Person, tmp_path: Path
):
    await version_of(stores, teacher, "e" * 64)
    adapters = AdapterSettings(taken_back="retire", look_s=0.1)
    async with in_process(gateway, store_settings.model_copy(update={"adapters": adapters})) as client:
        adapter = await trained_on(client, admin, tmp_path, 5, "e" * 64)
        async with stores.database.session() as session:
            said = await session.scalar(select(DatasetSource.source_id).where(DatasetSource.user_id == str(teacher.user_id)))
            about: dict[str, Any] = {"source_kind": "feedback", "source_id": said, "reason": "consent"}
            session.add(ErasedExample(organisation_id=admin.organisation_id, **about))
        await until_answers(client, admin, "hearth-nano")
        events = data_of(await client.get("/api/v1/audit?action=adapter.marked", headers=admin.headers))["events"]
    assert [(event["target"], event["actor_id"], event["detail"]["in_use"]) for event in events] == [
        (f"adapter:{adapter['id']}", None, True)
    ]


async def test_a_release_goes_out_of_service_with_its_adapter_and_its_trials_end(
    in_process, stores, gateway: FakeGateway, store_settings: Settings, admin: Person, teacher: Person, tmp_path: Path
):
    """The adapter is in service by one release, tried unseen by another, and people get neither when its words are taken back."""
    await version_of(stores, teacher, "f" * 64)
    adapters = AdapterSettings(taken_back="retire", look_s=0.1)
    async with in_process(gateway, store_settings.model_copy(update={"adapters": adapters})) as client:
        adapter = await trained_on(client, admin, tmp_path, 6, "f" * 64)
        data_of(await client.post(f"{URL}/rollback", json={"base": "hearth-nano"}, headers=admin.headers))
        served, unseen, tried = [await make(client, admin, name=name, adapter_id=adapter["id"]) for name in ("served", "unseen", "tried")]
        data_of(await act(client, admin, served, "promote", FORCED))
        data_of(await act(client, admin, unseen, "shadow", {"percent": 50}, "PUT"))
        data_of(await act(client, admin, tried, "canary", {"percent": 1, **FORCED}, "PUT"))
        assert await who_answers(client, admin) == adapter["model"]
        await erase(client, admin, teacher)
        await until_answers(client, admin, "hearth-nano")
        (route,) = data_of(await client.get(f"{URL}/routes", headers=admin.headers))["routes"]
        assert {name: value for name, value in route.items() if name.endswith("_id")} == dict.fromkeys(
            (name for name in route if name.endswith("_id")), None
        )
        again = await act(client, admin, served, "promote", {})
        assert "may not be asked" in error_of(again)["message"]


async def test_a_release_whose_adapter_is_marked_is_shown_to_people_only_where_an_admin_insists(
    in_process, stores, gateway: FakeGateway, store_settings: Settings, admin: Person, teacher: Person, tmp_path: Path
):
    await version_of(stores, teacher, "9" * 64)
    async with in_process(gateway, store_settings) as client:
        adapter = await trained_on(client, admin, tmp_path, 7, "9" * 64)
        data_of(await client.post(f"{URL}/rollback", json={"base": "hearth-nano"}, headers=admin.headers))
        release = await make(client, admin, adapter_id=adapter["id"])
        data_of(await act(client, admin, release, "promote", FORCED))
        data_of(await client.post(f"{URL}/rollback", json={"base": "hearth-nano"}, headers=admin.headers))
        await erase(client, admin, teacher)
        for what, body, method in (("promote", {}, "POST"), ("canary", {"percent": 5}, "PUT")):
            refused = await act(client, admin, release, what, body, method)
            assert refused.status_code == 409
            assert "words that were taken back" in error_of(refused)["message"]
        data_of(await act(client, admin, release, "promote", FORCED))
        assert await who_answers(client, admin) == adapter["model"]
