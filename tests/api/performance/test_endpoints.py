"""``/api/v1/performance``: optimisations are asked for, read, and their changes applied and taken back, by admins."""

from __future__ import annotations

import uuid
from typing import Any

import httpx
import pytest
from sqlalchemy import select, update

from api.audit.tables import AuditEvent
from api.web.principal import Role
from cluster.home import Home
from cluster.jobs.store import Jobs
from cluster.jobs.table import Job
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.store import Datasets
from cluster.optimising.table import OptimisationChange, OptimisationSample
from cluster.settings import Settings
from cluster.settings.optimising import OptimisingSettings
from cluster.stores.clients import StoreClients
from tests.api.conftest import error_of
from tests.api.fixtures.people import Person, add_person

URL = "/api/v1/performance"
CHANGE = {"kind": "served", "model": "fake-llm", "field": "parallel", "before": 4, "after": 8}


def data(answer: httpx.Response) -> Any:
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


async def ask(client: httpx.AsyncClient, who: Person, **body: Any) -> httpx.Response:
    return await client.post(f"{URL}/optimize", json=body, headers=who.headers)


async def settle(stores: StoreClients, asked: dict[str, Any], *states: str) -> None:
    """As if its job had measured, and proposed a change in each of ``states``."""
    optimisation_id = uuid.UUID(asked["id"])
    async with stores.database.session() as session:
        await session.execute(update(Job).where(Job.id == uuid.UUID(asked["job_id"])).values(state="succeeded"))
        for number, state in enumerate(states):
            told = {"optimiser": "parallel", "subject": f"fake-{number}", "reason": "Faster.", "how": "At once.", "change": CHANGE}
            session.add(OptimisationChange(optimisation_id=optimisation_id, number=number, state=state, **told))
        for number, value in enumerate((3.0, 1.0, 2.0) if states else ()):
            sample = {"measurement": "parallel fake-llm", "round": number, "setting": "8", "value": value, "more": {}}
            session.add(OptimisationSample(optimisation_id=optimisation_id, **sample))


async def test_an_optimisation_is_asked_for_and_its_job_knows_it(client, stores, admin):
    found = data(await ask(client, admin, optimisers=["parallel"], models=["fake-llm"], values={"parallel": [2, 16]}, streams=3))
    assert found["asked"]["values"] == {"parallel": [2, 16]}
    assert (found["changes"], found["notes"]) == ([], [])
    assert found["state"] in {"queued", "running"}
    async with stores.database.session() as session:
        job = await Jobs(session).get(admin.organisation_id, uuid.UUID(found["job_id"]))
        noted = (await session.scalars(select(AuditEvent).where(AuditEvent.target == f"optimisation:{found['id']}"))).one()
    assert (job.kind, job.spec) == ("performance.optimize", {"optimisation": found["id"], "do": "measure"})
    assert (noted.action, noted.actor_id) == ("performance.asked", admin.user_id)


async def test_by_default_everything_of_the_box_is_looked_at(client, admin):
    assert data(await ask(client, admin))["asked"]["optimisers"] == ["parallel", "context", "batch", "residency"]


async def test_only_admins_ask_read_and_decide(client, stores, admin):
    asked = data(await ask(client, admin, optimisers=["batch"]))
    await settle(stores, asked, "proposed")
    editor = await add_person(stores, Role.EDITOR, admin)
    for method, path in (("POST", "optimize"), ("GET", "optimizations"), ("GET", f"optimizations/{asked['id']}")):
        answer = await client.request(method, f"{URL}/{path}", json={} if method == "POST" else None, headers=editor.headers)
        assert answer.status_code == 403, (path, answer.text)
    for do in ("apply", "revert"):
        answer = await client.post(f"{URL}/optimizations/{asked['id']}/{do}", json={}, headers=editor.headers)
        assert answer.status_code == 403


async def test_what_could_not_be_measured_is_refused_now(client, admin):
    for body, status, told in (
        ({"models": ["fake-lm"]}, 404, "did you mean 'fake-llm'"),
        ({"optimisers": ["slots"]}, 422, "optimisers"),
        ({"optimisers": []}, 422, "optimisers"),
        ({"optimisers": ["batch", "batch"]}, 422, "names one twice"),
        ({"optimisers": ["prompt"]}, 422, "go together"),
        ({"values": {"residency": [1]}}, 422, "'values' are for"),
        ({"optimisers": ["batch"], "values": {"parallel": [2]}}, 422, "'values' are for"),
        ({"values": {"parallel": [1000]}}, 422, "from 1 to 256"),
        ({"values": {"parallel": [0]}}, 422, "values"),
        ({"values": {"parallel": []}}, 422, "1 to 6 numbers"),
        ({"streams": 0}, 422, "streams"),
        ({"measure": "now"}, 422, "measure"),
        ({"apply": "yes"}, 422, "apply"),
        ({"surplus": 1}, 422, "surplus"),
    ):
        answer = await ask(client, admin, **body)
        assert (answer.status_code, told in str(error_of(answer))) == (status, True), (body, answer.text)


async def test_every_sample_and_every_change_is_shown(client, stores, admin):
    asked = data(await ask(client, admin, optimisers=["parallel"]))
    await settle(stores, asked, "proposed", "refused")
    found = data(await client.get(f"{URL}/optimizations/{asked['id']}", headers=admin.headers))
    assert found["samples"] == {"parallel fake-llm": {"8": [3.0, 1.0, 2.0]}}
    assert [change["state"] for change in found["changes"]] == ["proposed", "refused"]
    (listed,) = data(await client.get(f"{URL}/optimizations", headers=admin.headers))["optimisations"]
    assert (listed["id"], listed["changes"]) == (asked["id"], found["changes"])


async def test_a_list_goes_on_where_it_ended(client, admin):
    ids = [data(await ask(client, admin, optimisers=["batch"]))["id"] for _ in range(3)]
    first = data(await client.get(f"{URL}/optimizations?limit=2", headers=admin.headers))
    rest = data(await client.get(f"{URL}/optimizations?limit=2&cursor={first['next_cursor']}", headers=admin.headers))
    assert [one["id"] for one in first["optimisations"] + rest["optimisations"]] == ids[::-1]
    assert rest["next_cursor"] is None


async def test_a_change_is_applied_and_taken_back_by_jobs_of_its_own(client, stores, admin):
    asked = data(await ask(client, admin, optimisers=["parallel"]))
    await settle(stores, asked, "proposed", "refused", "applied")
    url = f"{URL}/optimizations/{asked['id']}"
    applied = data(await client.post(f"{url}/apply", json={}, headers=admin.headers))
    assert applied["job_id"] != asked["job_id"]
    async with stores.database.session() as session:
        job = await Jobs(session).get(admin.organisation_id, uuid.UUID(applied["job_id"]))
        assert job.spec == {"optimisation": asked["id"], "do": "apply", "change": 0}
    again = await client.post(f"{url}/apply", json={"change": 0}, headers=admin.headers)
    assert (again.status_code, "wait until it has ended" in again.text) == (409, True)
    await settle(stores, applied)
    reverted = data(await client.post(f"{url}/revert", json={"change": 2}, headers=admin.headers))
    async with stores.database.session() as session:
        job = await Jobs(session).get(admin.organisation_id, uuid.UUID(reverted["job_id"]))
        noted = (await session.scalars(select(AuditEvent.action).where(AuditEvent.target == f"optimisation:{asked['id']}"))).all()
    assert job.spec == {"optimisation": asked["id"], "do": "revert", "change": 2}
    assert sorted(noted) == ["performance.apply", "performance.asked", "performance.revert"]


async def test_what_is_not_there_to_be_applied_or_taken_back_is_refused(client, stores, admin):
    asked = data(await ask(client, admin, optimisers=["parallel"]))
    await settle(stores, asked, "proposed", "refused", "proposed")
    url = f"{URL}/optimizations/{asked['id']}"
    for do, body, status, told in (
        ("apply", {}, 409, "those that can be are: 0, 2"),
        ("apply", {"change": 1}, 409, "Change 1 is refused"),
        ("apply", {"change": 9}, 404, "no change 9"),
        ("apply", {"change": -1}, 422, "change"),
        ("revert", {}, 409, "those that can be are: none"),
        ("revert", {"change": 0}, 409, "nothing to revert"),
    ):
        answer = await client.post(f"{url}/{do}", json=body, headers=admin.headers)
        assert (answer.status_code, told in answer.text) == (status, True), (do, body, answer.text)


async def test_another_organisation_sees_and_changes_nothing(client, stores, admin):
    asked = data(await ask(client, admin, optimisers=["parallel"]))
    await settle(stores, asked, "proposed")
    other = await add_person(stores)
    assert data(await client.get(f"{URL}/optimizations", headers=other.headers))["optimisations"] == []
    assert (await client.get(f"{URL}/optimizations/{asked['id']}", headers=other.headers)).status_code == 404
    assert (await client.post(f"{URL}/optimizations/{asked['id']}/apply", json={}, headers=other.headers)).status_code == 404


async def test_more_than_may_be_open_are_refused(in_process, gateway, stores, store_settings):
    settings = store_settings.model_copy(update={"optimising": OptimisingSettings(open_per_organisation=1)})
    admin = await add_person(stores)
    async with in_process(gateway, settings) as client:
        data(await ask(client, admin, optimisers=["batch"]))
        answer = await ask(client, admin, optimisers=["batch"])
    assert (answer.status_code, "optimising.open_per_organisation" in answer.text) == (429, True)


@pytest.fixture
async def parcels(client, stores: StoreClients, admin: Person, store_settings: Settings) -> dict[str, Any]:
    """What a prompt is optimised with: a prompt, and a dataset with a version."""
    body = {"name": f"p-{uuid.uuid4().hex}", "text": "Answer $how.", "variables": {"how": "briefly"}}
    prompt = data(await client.post("/api/v1/prompts", json=body, headers=admin.headers))
    values = {"organisation_id": admin.organisation_id, "owner_id": admin.user_id, "name": "parcels", "task": "chat", "shape": "sft"}
    async with stores.database.session() as session:
        row = await Datasets(session).add({**values, "recipe": {"shape": "sft", "sources": []}})
        await Datasets(session).add_version(row, {"sha256": "6" * 64, "train": 1, "held_out": 1, "datasheet": {}})
    for split in ("train", "held_out"):
        path = DatasetFolders(Home(store_settings.home)).split(admin.organisation_id, row.id, "6" * 64, split)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return {"prompt_id": prompt["id"], "model": "fake-llm", "dataset": "parcels"}


async def test_a_prompt_is_optimised_in_the_version_that_there_is_now(client, admin, parcels):
    found = data(await ask(client, admin, prompt=parcels))
    assert found["asked"]["optimisers"] == ["prompt"]
    told = found["asked"]["prompt"]
    assert (told["prompt_id"], told["version"], told["dataset_version"], told["method"]) == (parcels["prompt_id"], 1, 1, "few_shot")


async def test_a_prompt_that_could_not_be_optimised_is_refused_now(client, stores, admin, parcels):
    stranger = await add_person(stores)
    body = {"name": "open", "text": "Answer $how."}
    unfilled = data(await client.post("/api/v1/prompts", json=body, headers=admin.headers))["id"]
    for wrong, status, told in (
        ({"prompt_id": str(uuid.uuid4())}, 404, "no such system prompt"),
        ({"version": 7}, 404, "no such version"),
        ({"prompt_id": unfilled}, 400, "without a default: how"),
        ({"model": "fake-embedder"}, 404, "fake-embedder"),
        ({"model": "far/echo"}, 400, "models of this machine"),
        ({"dataset": "parcel"}, 404, "There is no dataset 'parcel'"),
        ({"dataset_version": 3}, 404, "version"),
        ({"calls": 10_000}, 400, "optimising.prompt_calls"),
        ({"calls": 1}, 422, "calls"),
        ({"method": "instructions"}, 400, "use 'few_shot'"),
        ({"metric": "bleu"}, 422, "metric"),
    ):
        answer = await ask(client, admin, prompt={**parcels, **wrong})
        assert (answer.status_code, told in str(error_of(answer))) == (status, True), (wrong, answer.text)
    assert (await ask(client, stranger, prompt=parcels)).status_code == 404
