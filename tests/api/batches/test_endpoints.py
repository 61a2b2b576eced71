"""Batches over HTTP, with the official client, while no job runs: what is taken, what is refused, what is seen."""

from __future__ import annotations

import httpx
import openai
import pytest

from api.web.principal import Role
from cluster.batches.names import batch_id_of
from cluster.batches.tokens import BatchTokens
from cluster.errors import Unavailable
from cluster.fakes.gateway import FakeGateway
from cluster.home import Home
from tests.api.conftest import error_of
from tests.api.fixtures.batching import CHAT, World, asking
from tests.api.fixtures.people import add_person

ONE = [asking("hello", "a")]


def online(world: World, token: str | None = None) -> httpx.AsyncClient:
    headers = {"Authorization": f"Bearer {token}"} if token else world.person.headers
    return httpx.AsyncClient(base_url=f"{world.base_url}/v1", headers=headers, timeout=20)


async def test_a_batch_waits_for_its_job(made):
    async with made() as world:
        batch = await world.begin(ONE, metadata={"a": "b"}, output_expires_after={"anchor": "created_at", "seconds": 3600})
        assert (batch.object, batch.status, batch.endpoint, batch.completion_window) == ("batch", "validating", CHAT, "24h")
        assert batch.expires_at == pytest.approx(batch.created_at + 86400, abs=5)
        assert (batch.request_counts.total, batch.errors, batch.output_file_id, batch.metadata) == (0, None, None, {"a": "b"})
        assert await world.ai.batches.retrieve(batch.id) == batch
        async with httpx.AsyncClient(base_url=world.base_url, headers=world.person.headers) as client:
            (job,) = (await client.get("/api/v1/jobs")).json()["data"]["jobs"]
        assert (job["kind"], job["state"], job["priority"]) == ("batch", "queued", -10)


async def test_a_list_is_read_page_by_page(made):
    async with made() as world:
        ids = [(await world.begin(ONE)).id for _ in range(5)]
        assert [batch.id async for batch in world.ai.batches.list(limit=2)] == ids[::-1]
        assert (await world.ai.batches.list(limit=2, after=ids[1])).has_more is False


@pytest.mark.parametrize(
    ("changes", "param"),
    [
        ({"endpoint": "/v1/rerank"}, "endpoint"),
        ({"completion_window": "1h"}, "completion_window"),
        ({"input_file_id": 7}, "input_file_id"),
        ({"metadata": {str(number): "x" for number in range(17)}}, "metadata"),
        ({"metadata": {"x" * 65: "x"}}, "metadata"),
        ({"metadata": {"x": "x" * 513}}, "metadata.x"),
        ({"metadata": {"x": 1}}, "metadata.x"),
        ({"output_expires_after": {"anchor": "created_at", "seconds": 5}}, "output_expires_after.seconds"),
        ({"output_expires_after": {"anchor": "x", "seconds": 3600}}, "output_expires_after.anchor"),
        ({"surprise": 1}, "surprise"),
    ],
)
async def test_what_is_wrong_is_refused(made, changes, param):
    async with made() as world, online(world) as client:
        right = {"input_file_id": await world.upload(ONE), "endpoint": CHAT, "completion_window": "24h"}
        answer = await client.post("/batches", json=right | changes)
        assert answer.status_code == 400, answer.text
        assert error_of(answer)["param"].startswith(param)
        assert (await world.ai.batches.list()).data == []


async def test_its_input_must_be_there_and_meant_for_it(made, stores):
    async with made() as world:
        other_purpose = await world.ai.files.create(file=b"{}", purpose="evals")
        with pytest.raises(openai.BadRequestError, match="purpose"):
            await world.ai.batches.create(input_file_id=other_purpose.id, endpoint=CHAT, completion_window="24h")
        async with world.as_somebody(await add_person(stores)) as other:
            foreign = await other.upload(ONE)
        for name in ("file-" + "0" * 32, "x", "", foreign):
            with pytest.raises(openai.NotFoundError):
                await world.ai.batches.create(input_file_id=name, endpoint=CHAT, completion_window="24h")


@pytest.mark.parametrize("name", ["batch_" + "0" * 32, "batch_x", "file-" + "0" * 32, "x" * 64])
async def test_an_id_that_is_none_is_not_found(made, name):
    async with made() as world, online(world) as client:
        answers = [await client.get(f"/batches/{name}"), await client.post(f"/batches/{name}/cancel")]
        answers.append(await client.get("/batches", params={"after": name}))
        assert [answer.status_code for answer in answers] == [404] * 3


async def test_batches_are_their_organisation_s(made, stores):
    async with made() as world:
        batch = await world.begin(ONE)
        async with world.as_somebody(await add_person(stores)) as other:
            for refused in (other.ai.batches.retrieve(batch.id), other.ai.batches.cancel(batch.id), other.ai.batches.list(after=batch.id)):
                with pytest.raises(openai.NotFoundError):
                    await refused
            assert (await other.ai.batches.list()).data == []
        async with world.as_somebody(await add_person(stores, Role.VIEWER, world.person)) as viewer:
            assert (await viewer.ai.batches.retrieve(batch.id)).id == batch.id
            with pytest.raises(openai.PermissionDeniedError):
                await viewer.ai.batches.create(input_file_id=batch.input_file_id, endpoint=CHAT, completion_window="24h")
        async with world.as_somebody(await add_person(stores, Role.EDITOR, world.person)) as editor:
            with pytest.raises(openai.PermissionDeniedError):
                await editor.ai.batches.cancel(batch.id)
        assert (await world.ai.batches.retrieve(batch.id)).status == "validating"


async def test_so_many_may_be_open(made):
    async with made(open_per_organisation=1) as world:
        first = await world.begin(ONE)
        with pytest.raises(openai.RateLimitError, match="open_per_organisation"):
            await world.begin(ONE)
        await world.ai.batches.cancel(first.id)
        await world.app.state.batches.turn()
        assert (await world.begin(ONE)).status == "validating"


async def test_a_file_that_a_batch_reads_cannot_be_removed(made):
    async with made() as world:
        batch = await world.begin(ONE)
        with pytest.raises(openai.ConflictError, match="cancel it first"):
            await world.ai.files.delete(batch.input_file_id)
        await world.ai.batches.cancel(batch.id)
        await world.app.state.batches.turn()
        assert (await world.ai.files.delete(batch.input_file_id)).deleted


async def test_the_models_load_is_told(made):
    async with made() as world, online(world) as client:
        told = (await client.get("/batches/load")).json()["data"]
        assert told[0] == {"model": "fake-llm", "device": "cpu", "ongoing": 0, "queued": 0}
    async with made(FakeGateway(failures={"residency": Unavailable("No ledger; retry in 2 s.")})) as world, online(world) as client:
        assert (await client.get("/batches/load")).status_code == 503


async def test_a_batch_s_token_reaches_models_in_its_owner_s_name_while_the_batch_is_open(made):
    async with made() as world:
        batch = await world.begin(ONE)
        row = batch_id_of(batch.id)
        assert row is not None
        async with online(world, BatchTokens.of(Home(world.settings.home)).issue(row)) as client:
            assert (await client.post("/chat/completions", json=ONE[0]["body"])).status_code == 200
            for beyond in ("/api/v1/jobs", "/api/v1/keys", "/api/v1/users/me"):
                assert (await client.get(f"{world.base_url}{beyond}")).status_code in {403, 404}
        await world.ai.batches.cancel(batch.id)
        await world.app.state.batches.turn()
        async with online(world, BatchTokens.of(Home(world.settings.home)).issue(row)) as client:
            assert (await client.post("/chat/completions", json=ONE[0]["body"])).status_code == 401
