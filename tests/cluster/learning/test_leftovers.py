"""Files outlive neither their organisation nor the dataset that they are of."""

from __future__ import annotations

import os
import uuid
from pathlib import Path

import pytest
from sqlalchemy import text

from cluster.home import Home
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.store import Datasets
from cluster.learning.leftovers import sweep_leftovers
from cluster.stores.clients import StoreClients
from tests.organisations import new_organisation


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path)


def aged(folder: Path) -> Path:
    """Made, and last written to long ago."""
    folder.mkdir(parents=True)
    (folder / "words.jsonl").write_text("{}")
    for path in (folder, folder.parent):
        os.utime(path, (0, 0))
    return folder


def folders_of(home: Home, organisation: uuid.UUID) -> list[Path]:
    """One of each kind."""
    tuning = home.files / "fine_tuning" / str(organisation) / str(uuid.uuid4())
    return [aged(tuning), aged(home.adapters / str(organisation) / ("0" * 64)), aged(home.workspaces / str(organisation) / "user-1")]


async def dataset(stores: StoreClients, home: Home, owner: tuple[uuid.UUID, uuid.UUID]) -> Path:
    """The folder of one that has a row."""
    values = {"organisation_id": owner[0], "owner_id": owner[1], "name": uuid.uuid4().hex, "task": "sums", "shape": "sft", "recipe": {}}
    async with stores.database.session() as session:
        row = await Datasets(session).add(values)
    return aged(DatasetFolders(home).of(owner[0], row.id, "a" * 64).parent)


async def delete(stores: StoreClients, table: str, row_id: uuid.UUID) -> None:
    async with stores.database.session() as session:
        await session.execute(text(f"DELETE FROM {table} WHERE id = :id"), {"id": row_id})


async def test_folders_of_an_organisation_that_is_gone_are_removed_and_no_others(stores: StoreClients, home: Home):
    gone, stays = [await new_organisation(stores.database) for _ in range(2)]
    removed = [*folders_of(home, gone[0]), await dataset(stores, home, gone)]
    kept = [*folders_of(home, stays[0]), await dataset(stores, home, stays)]
    manifest, other = home.adapters / "nano.json", aged(home.files / "datasets" / "notes")
    manifest.write_text("{}")
    await delete(stores, "organisations", gone[0])
    assert await sweep_leftovers(stores.database, home, 3600) == 4
    assert not any(folder.parent.exists() for folder in removed)
    assert all((folder / "words.jsonl").is_file() for folder in [*kept, other])
    assert manifest.is_file()
    assert await sweep_leftovers(stores.database, home, 3600) == 0


async def test_datasets_whose_owner_was_erased_leave_no_files(stores: StoreClients, home: Home):
    owner, colleague = await new_organisation(stores.database), await new_organisation(stores.database)
    removed, kept = await dataset(stores, home, owner), await dataset(stores, home, (owner[0], colleague[1]))
    await delete(stores, "users", owner[1])
    assert await sweep_leftovers(stores.database, home, 3600) == 1
    assert (removed.exists(), kept.exists()) == (False, True)


async def test_what_was_written_just_now_may_not_have_its_row_yet(stores: StoreClients, home: Home):
    folder = home.adapters / str(uuid.uuid4())
    folder.mkdir(parents=True)
    assert await sweep_leftovers(stores.database, home, 3600) == 0
    os.utime(folder, (0, 0))
    assert await sweep_leftovers(stores.database, home, 3600) == 1
