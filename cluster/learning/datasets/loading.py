"""The door for whoever trains or measures: a version as files."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cluster.errors import Conflict, NotFound
from cluster.home import Home
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.recipe import Split
from cluster.learning.datasets.store import Datasets
from cluster.learning.datasets.tables import Dataset, DatasetVersionRow
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class DatasetVersion:
    """``path_train``, ``path_held_out``: files of one Example to a line, which never change. ``counts``: how many by split."""

    id: uuid.UUID
    dataset_id: uuid.UUID
    version: int
    sha256: str
    shape: str
    path_train: Path
    path_held_out: Path
    counts: dict[Split, int]
    datasheet: dict[str, Any]


async def load(
    session: AsyncSession, organisation_id: uuid.UUID, dataset: uuid.UUID | str, version: int | None = None, *, home: Home
) -> DatasetVersion:
    """``dataset``: its id or its name. ``version`` None: the latest that may be used. Raises NotFound, and Conflict for one that holds
    words of somebody who was erased since."""
    datasets = Datasets(session)
    row = await datasets.get(organisation_id, dataset)
    found = await _latest(datasets, row) if version is None else await datasets.version(row, version)
    refuse_marked(found)
    folders, place = DatasetFolders(home), (organisation_id, row.id, found.sha256)
    train, held_out = folders.split(*place, "train"), folders.split(*place, "held_out")
    if not (train.is_file() and held_out.is_file()):
        raise NotFound(f"The files of version {found.version} of '{row.name}' are no longer there; build it again.")
    counts: dict[Split, int] = {"train": found.train, "held_out": found.held_out}
    return DatasetVersion(found.id, row.id, found.version, found.sha256, found.shape, train, held_out, counts, found.datasheet)


def refuse_marked(version: DatasetVersionRow) -> None:
    if version.erased_at is not None:
        raise Conflict(
            f"Version {version.version} holds {version.contains_erased} examples of which the words were taken back, and is given out no "
            "longer; build a new version, which leaves them out, and delete this one."
        )


async def _latest(datasets: Datasets, row: Dataset) -> DatasetVersionRow:
    versions = await datasets.versions(row, None, row.version or 1)
    if not versions:
        raise NotFound(f"No version of the dataset '{row.name}' was built yet; POST /api/v1/datasets/{row.id}/versions builds one.")
    return next((version for version in versions if version.erased_at is None), versions[0])
