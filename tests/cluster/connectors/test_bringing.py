"""From a source into a collection, as often as one likes."""

from __future__ import annotations

import uuid
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, update

from cluster.connectors.base import Fetched, Item
from cluster.connectors.bringing import Bringing, Goal, source_of
from cluster.errors import Cancelled, NotFound
from cluster.files import FileStore
from cluster.jobs.table import Job
from cluster.knowledge.tables import Collection, DocumentRow


class Bay:
    """A collection, and a folder that is brought into it."""

    def __init__(self, stores: Any, ground: Any, opening: Any, folder: Path, collection_id: uuid.UUID) -> None:
        self.stores, self.ground, self.folder, self.collection_id = stores, ground, folder, collection_id
        self.opening = opening
        self.files = FileStore(folder.parent / "files")
        self.remarks: list[str] = []

    async def bring(self, stop_after: int | None = None, **goal: Any) -> dict[str, int]:
        async def tell(counts: Counter[str], remark: str) -> None:
            self.remarks += [remark] if remark else []
            if stop_after is not None and counts.total() >= stop_after:
                raise Cancelled("The job was cancelled.")

        person, options = self.ground.person, {"folder": str(self.folder)}
        wanted = Goal(self.collection_id, person.organisation_id, person.user_id, source_of("folder", options), **goal)
        async with self.opening("folder", options, folders=(self.folder,)) as source:
            return await Bringing(self.stores.database, self.files, self.ground.settings, wanted, tell).run(source)

    async def documents(self) -> dict[str, DocumentRow]:
        async with self.stores.database.session() as session:
            rows = await session.scalars(select(DocumentRow).where(DocumentRow.collection_id == self.collection_id))
            return {row.path: row for row in rows}

    async def jobs(self) -> list[Job]:
        async with self.stores.database.session() as session:
            chosen = select(Job).where(Job.organisation_id == self.ground.person.organisation_id)
            return list(await session.scalars(chosen))

    def kept(self) -> int:
        return sum(path.is_file() for path in (self.folder.parent / "files").rglob("*"))


@pytest.fixture
async def bay(stores, ground, opening, tmp_path):
    folder = tmp_path / "bay"
    folder.mkdir()
    for name in ("a.txt", "b.txt", "c.txt"):
        (folder / name).write_text(f"words of {name}")
    person = ground.person
    owned = {"organisation_id": person.organisation_id, "owner_id": person.user_id}
    row = Collection(**owned, name="bay", embedding_model="m", chunking={}, space=None)
    async with stores.database.session() as session:
        session.add(row)
        await session.flush()
        return Bay(stores, ground, opening, folder, row.id)


async def test_what_is_new_or_changed_is_taken_and_the_rest_left_alone(bay):
    assert await bay.bring() == {"new": 3, "changed": 0, "unchanged": 0, "failed": 0}
    assert sorted(await bay.documents()) == ["bay/a.txt", "bay/b.txt", "bay/c.txt"]
    assert [(job.kind, job.spec) for job in await bay.jobs()] == [("ingest", {"collection": str(bay.collection_id)})]
    assert await bay.bring() == {"new": 0, "changed": 0, "unchanged": 3, "failed": 0}
    (bay.folder / "b.txt").write_text("other words")
    (bay.folder / "d.txt").write_text("new words")
    assert await bay.bring() == {"new": 1, "changed": 1, "unchanged": 2, "failed": 0}
    assert (await bay.documents())["bay/b.txt"].version == 2
    assert bay.kept() == 4


async def test_content_that_only_looks_changed_is_not_taken_again(bay):
    await bay.bring()
    (bay.folder / "a.txt").touch()
    assert (await bay.bring())["unchanged"] == 3
    assert bay.kept() == 3


async def test_a_document_that_was_removed_is_brought_again(bay, stores):
    await bay.bring()
    async with stores.database.session() as session:
        await session.delete(await session.get(DocumentRow, (await bay.documents())["bay/a.txt"].id))
    assert await bay.bring() == {"new": 1, "changed": 0, "unchanged": 2, "failed": 0}


async def test_one_item_that_cannot_be_had_stops_nothing_and_is_named(bay):
    found = await bay.bring(wanted=["a.txt", "none.txt"])
    assert found == {"new": 1, "changed": 0, "unchanged": 0, "failed": 1}
    assert bay.remarks == ["none.txt: The source has no such item."]


async def test_no_more_is_taken_than_was_asked_for(bay):
    assert (await bay.bring(most=2))["new"] == 2
    assert sorted(await bay.documents()) == ["bay/a.txt", "bay/b.txt"]


async def test_a_run_that_is_cut_off_goes_on_where_it_was(bay):
    with pytest.raises(Cancelled):
        await bay.bring(stop_after=2)
    assert await bay.bring() == {"new": 1, "changed": 0, "unchanged": 2, "failed": 0}


async def test_a_document_that_is_being_removed_is_that_item_s_trouble(bay, stores):
    await bay.bring()
    (bay.folder / "a.txt").write_text("again")
    async with stores.database.session() as session:
        await session.execute(update(DocumentRow).where(DocumentRow.collection_id == bay.collection_id).values(state="removing"))
    assert (await bay.bring())["failed"] == 1
    assert "being removed" in bay.remarks[0]
    assert bay.kept() == 3


async def test_a_collection_that_is_gone_ends_every_item_and_leaves_no_file(bay, stores):
    async with stores.database.session() as session:
        await session.delete(await session.get(Collection, bay.collection_id))
    assert (await bay.bring())["failed"] == 3
    assert bay.kept() == 0


async def test_items_of_the_same_name_become_different_documents(bay, stores, ground):
    class Twins:
        async def discover(self):
            for number in "12":
                yield Item(number, "same.txt")

        async def fetch(self, item_id, mark=None):
            return Fetched(item_id.encode(), "text/plain")

        async def close(self):
            raise NotFound("nobody calls it")

    goal = Goal(bay.collection_id, ground.person.organisation_id, ground.person.user_id, "twins")

    async def tell(counts, remark):
        """Nothing is said."""

    for expected in ("new", "unchanged"):
        found = await Bringing(stores.database, bay.files, ground.settings, goal, tell).run(Twins())
        assert found[expected] == 2
    assert len(await bay.documents()) == 2
