"""The index follows the database, whatever happens in between."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Sequence

import pytest
from sqlalchemy import delete, text

from api.people.tables import User
from cluster.contracts.models import ModelKind
from cluster.contracts.retrieval import Point, Space
from cluster.errors import Unavailable
from cluster.fakes.gateway import FakeGateway, fake_model
from cluster.home import REPOSITORY
from deployments.vectors import Vectors
from tests.api.fixtures.house import House, Someone, asking, running
from tests.api.fixtures.index import index
from tests.api.fixtures.people import add_person
from tests.api.knowledge.keeping import ITEMS, URL, data_of, found, indexed, keep, settled, until

# A process that begins to index an item, and never ends.
BEGINS = """
import asyncio, sys
from api.knowledge.indexing import Indexer
from api.web.deps import Parts
from api.web.metrics import Metrics
from cluster.fakes.gateway import FakeGateway
from cluster.serving.vectors import ServeVectors
from cluster.settings import Settings
from cluster.stores.clients import connect

async def main():
    settings = Settings.model_validate_json(sys.argv[1])
    parts = Parts(FakeGateway(hangs={"fake-embedder"}), settings, Metrics(None), connect(settings), ServeVectors(settings.vectors))
    await Indexer(parts).sweep()

asyncio.run(main())
"""


class Interrupted(Vectors):
    """Loses the connection ``times`` times, after it has done what it was asked."""

    times = 0

    async def upsert(self, organisation: str, space: Space, points: Sequence[Point]) -> int:
        return self._lose(await super().upsert(organisation, space, points))

    async def delete_document(self, organisation: str, document: str, keep_version: int | None = None) -> int:
        return self._lose(await super().delete_document(organisation, document, keep_version))

    def _lose(self, done: int) -> int:
        if self.times:
            self.times -= 1
            raise ConnectionResetError
        return done


@pytest.fixture
async def mira(house: House) -> Someone:
    return await house.join()


async def test_what_was_kept_is_found_by_meaning_and_by_words_with_its_passage(house, mira):
    item = await keep(mira, title="Feeding", content="Clocks tick. Goats are fed at six in Velmhaven.", category="animals", tags=["farm"])
    await settled(house.stores, mira.organisation_id)
    hit = data_of(await mira.client.post(f"{URL}/search", json={"query": "velmhaven goats"}))["hits"][0]
    assert hit["item_id"] == item["id"]
    assert "Goats are fed at six in Velmhaven." in hit["passage"]
    assert await found(mira, "Feeding", mode="dense", threshold=0.99) == [item["id"]]
    assert data_of(await mira.client.get(f"{ITEMS}/{item['id']}"))["is_indexed"] is True
    for narrow, there in (({"category": "animals", "tag": "farm"}, True), ({"category": "clocks"}, False), ({"tag": "sea"}, False)):
        assert (await found(mira, "goats", **narrow) == [item["id"]]) is there


async def test_a_change_replaces_what_the_index_had_and_a_deletion_leaves_nothing(house, mira):
    item = await keep(mira, content="A long story about goats. " * 200)
    await settled(house.stores, mira.organisation_id)
    before = await indexed(house.vectors, mira, item["id"])
    await mira.client.put(f"{ITEMS}/{item['id']}", json={"version": 1, "content": "Short."})
    await settled(house.stores, mira.organisation_id)
    after = await indexed(house.vectors, mira, item["id"])
    assert len(before) > 4
    assert {chunk.text for chunk in after} == {"Goats", "Short."}
    await mira.client.delete(f"{ITEMS}/{item['id']}")
    await settled(house.stores, mira.organisation_id)
    assert await indexed(house.vectors, mira, item["id"]) == ()


async def test_an_item_that_goes_with_its_owner_s_account_leaves_nothing_either(house, mira):
    item = await keep(mira)
    await settled(house.stores, mira.organisation_id)
    async with house.stores.database.session() as session:
        await session.execute(delete(User).where(User.id == mira.user_id))
    await settled(house.stores, mira.organisation_id)
    assert await indexed(house.vectors, mira, item["id"]) == ()


async def test_a_process_killed_while_it_indexes_is_followed_by_another(stores, store_settings):
    person = await add_person(stores)
    hanging = FakeGateway(hangs={"fake-embedder"})

    async def locked() -> bool:
        async with stores.database.session() as session:
            held = await session.scalar(text("SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"))
        return bool(held)

    with index() as vectors:
        async with running(hanging, store_settings, stores, vectors) as app, asking(app, person) as client:
            mira = Someone(person, client)
            item = await keep(mira)
        command = [sys.executable, "-c", BEGINS, store_settings.model_dump_json()]
        begun = await asyncio.create_subprocess_exec(*command, cwd=REPOSITORY)
        await until(locked)
        begun.kill()
        await begun.wait()
        async with running(FakeGateway(), store_settings, stores, vectors) as app, asking(app, person) as client:
            mira = Someone(person, client)
            await settled(stores, person.organisation_id)
            assert await found(mira, "goats") == [item["id"]]
            assert len(await indexed(vectors, mira, item["id"])) == 2


async def test_what_the_index_did_before_the_connection_broke_is_done_once(stores, store_settings, tmp_path):
    person = await add_person(stores)
    vectors = Interrupted({"folder": str(tmp_path / "vectors")})
    async with running(FakeGateway(), store_settings, stores, vectors) as app, asking(app, person) as client:
        mira = Someone(person, client)
        vectors.times = 3
        item = await keep(mira)
        await settled(stores, person.organisation_id)
        assert len(await indexed(vectors, mira, item["id"])) == 2
        vectors.times = 3
        await client.delete(f"{ITEMS}/{item['id']}")
        await settled(stores, person.organisation_id)
        assert await indexed(vectors, mira, item["id"]) == ()
    vectors.close()


async def test_an_item_that_no_model_embeds_says_why_and_is_tried_again(stores, store_settings):
    person = await add_person(stores)
    gateway = FakeGateway(failures={"fake-embedder": Unavailable("The model is loading; retry in 3 s.")})
    with index() as vectors:
        async with running(gateway, store_settings, stores, vectors) as app, asking(app, person) as client:
            mira = Someone(person, client)
            path = f"{ITEMS}/{(await keep(mira))['id']}"

            async def told() -> bool:
                return data_of(await client.get(path))["index_error"] is not None

            await until(told)
            gateway.failures = {}
            await settled(stores, person.organisation_id)
            assert data_of(await client.get(path))["index_error"] is None


async def test_another_embedding_model_embeds_everything_again(stores, store_settings):
    person = await add_person(stores)
    with index() as vectors:
        async with running(FakeGateway(), store_settings, stores, vectors) as app, asking(app, person) as client:
            item = await keep(Someone(person, client))
            await settled(stores, person.organisation_id)
        newer = FakeGateway(served=(fake_model("newer", ModelKind.EMBEDDING), *FakeGateway().served))
        async with running(newer, store_settings, stores, vectors) as app, asking(app, person) as client:
            mira = Someone(person, client)

            async def there() -> bool:
                return await found(mira, "goats") == [item["id"]]

            await until(there)


async def test_embeddings_are_made_again_on_demand_by_those_who_may(house, mira):
    ben = await house.join(colleague=mira)
    item, other = await keep(mira), await keep(mira, audience="editor")
    await settled(house.stores, mira.organisation_id)
    assert data_of(await ben.client.post(f"{URL}/embeddings", json={}))["items"] == 1
    assert data_of(await ben.client.post(f"{URL}/embeddings", json={"item_ids": [item["id"], other["id"]]}))["items"] == 1
    assert data_of(await mira.client.post(f"{URL}/embeddings", json={"item_ids": [item["id"]]})) == {"model": "fake-embedder", "items": 1}
    await settled(house.stores, mira.organisation_id)
    assert {chunk.version for chunk in await indexed(house.vectors, mira, item["id"])} == {2}


async def test_another_organisation_finds_nothing(house, mira):
    await keep(mira, title="Velmhaven", audience="editor")
    await settled(house.stores, mira.organisation_id)
    assert await found(await house.join(), "Velmhaven") == []
