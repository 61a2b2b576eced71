"""Words that are taken back: which versions are marked, and that they are given out no longer."""

from __future__ import annotations

import uuid
from typing import Any

import pytest
from sqlalchemy import select

from cluster.errors import Conflict, NotFound
from cluster.home import Home
from cluster.learning.datasets import load, mark_erased, mark_person_erased
from cluster.learning.datasets.erasing import erased, is_erased
from cluster.learning.datasets.folders import DatasetFolders, file_of
from cluster.learning.datasets.recipe import SPLITS
from cluster.learning.datasets.store import Datasets
from cluster.learning.datasets.tables import Dataset, DatasetVersionRow
from cluster.learning.example import Source
from tests.organisations import new_organisation

PERSON = uuid.uuid4()
MINE = Source(kind="feedback", id="f1", user_id=str(PERSON))
ALSO_MINE = Source(kind="label", id="l1", user_id=str(PERSON))
OTHERS = Source(kind="feedback", id="f2", user_id=str(uuid.uuid4()))


@pytest.fixture
def home(tmp_path):
    return Home(tmp_path)


async def a_dataset(stores, home: Home, *versions: list[Source]) -> Dataset:
    """With a version of each of these lists of sources, and files for it."""
    organisation, user = await new_organisation(stores.database)
    named: dict[str, Any] = {"name": "sums", "task": "sums", "shape": "sft", "recipe": {}}
    async with stores.database.session() as session:
        datasets = Datasets(session)
        row = await datasets.add({"organisation_id": organisation, "owner_id": user, **named})
        for number, sources in enumerate(versions):
            values = {"sha256": str(number) * 64, "train": len(sources), "held_out": 0, "datasheet": {"number": number}}
            await datasets.add_sources(await datasets.add_version(row, values), sources)
            folder = DatasetFolders(home).of(organisation, row.id, values["sha256"])
            folder.mkdir(parents=True)
            for split in SPLITS:
                (folder / file_of(split)).touch()
    return row


async def marks(stores, dataset: Dataset) -> list[int]:
    async with stores.database.session() as session:
        chosen = select(DatasetVersionRow).where(DatasetVersionRow.dataset_id == dataset.id).order_by(DatasetVersionRow.version)
        rows = (await session.scalars(chosen)).all()
        assert all((row.erased_at is not None) is (row.contains_erased > 0) for row in rows)
        return [row.contains_erased for row in rows]


async def test_versions_that_hold_it_are_marked_and_named(stores, home):
    dataset = await a_dataset(stores, home, [MINE, OTHERS], [OTHERS], [MINE, ALSO_MINE])
    neighbour = await a_dataset(stores, home, [MINE])
    async with stores.database.session() as session:
        marked = await mark_erased(session, dataset.organisation_id, [MINE])
    assert (len(marked), await marks(stores, dataset), await marks(stores, neighbour)) == (2, [1, 0, 1], [0])
    async with stores.database.session() as session:
        assert await mark_erased(session, dataset.organisation_id, [MINE]) == [], "a second time there is nothing new"
        assert len(await mark_erased(session, dataset.organisation_id, [ALSO_MINE, Source(kind="upload", id="unknown")])) == 1
    assert await marks(stores, dataset) == [1, 0, 2]


async def test_a_person_is_erased_with_all_they_said(stores, home):
    dataset = await a_dataset(stores, home, [MINE, ALSO_MINE], [OTHERS])
    async with stores.database.session() as session:
        assert len(await mark_person_erased(session, dataset.organisation_id, PERSON)) == 1
    assert await marks(stores, dataset) == [2, 0]
    async with stores.database.session() as session:
        gone = await erased(session, dataset.organisation_id)
    assert [is_erased(source, gone) for source in (MINE, ALSO_MINE, OTHERS)] == [True, True, False]


async def test_what_is_marked_is_loaded_no_longer_and_the_latest_that_is_not_is(stores, home):
    dataset = await a_dataset(stores, home, [OTHERS], [MINE])
    async with stores.database.session() as session:
        here = (session, dataset.organisation_id)
        assert (await load(*here, "sums", home=home)).version == 2
        await mark_erased(*here, [MINE])
    async with stores.database.session() as session:
        here = (session, dataset.organisation_id)
        latest = await load(*here, dataset.id, home=home)
        assert (latest.version, latest.counts, latest.path_train.name) == (1, {"train": 1, "held_out": 0}, "train.jsonl")
        with pytest.raises(Conflict, match="taken back"):
            await load(*here, dataset.id, 2, home=home)
        with pytest.raises(NotFound, match="the latest is 2"):
            await load(*here, dataset.id, 3, home=home)
        with pytest.raises(NotFound, match="lists those there are"):
            await load(session, uuid.uuid4(), dataset.id, home=home)


async def test_a_dataset_without_versions_or_files_says_so(stores, home):
    empty, lost = await a_dataset(stores, home), await a_dataset(stores, home, [OTHERS])
    DatasetFolders(home).remove(lost.organisation_id, lost.id)
    async with stores.database.session() as session:
        with pytest.raises(NotFound, match="No version"):
            await load(session, empty.organisation_id, empty.id, home=home)
        with pytest.raises(NotFound, match="no longer there"):
            await load(session, lost.organisation_id, lost.id, home=home)
