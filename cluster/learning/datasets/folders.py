"""Where the files of versions are: HEARTH_HOME/files/datasets, a folder for each, named by the SHA-256 of what is in it.

A version is written in a folder beside its name, synced, and renamed in the transaction in which its row is written: it is whole or not
there. A crash before the commit leaves a folder that no row names, which the next build or removal clears away.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.home import Home
from cluster.learning.datasets.recipe import Split
from cluster.learning.placing import place

BUILDING = ".building-"
SHEET, SHEET_MARKDOWN = "datasheet.json", "datasheet.md"


class DatasetFolders:
    """Blocking. Names are made of ids and hashes only."""

    def __init__(self, home: Home) -> None:
        self.root = home.files / "datasets"

    def of(self, organisation_id: uuid.UUID, dataset_id: uuid.UUID, sha256: str) -> Path:
        """Where a version is, or would be."""
        return self._of_dataset(organisation_id, dataset_id) / sha256

    def split(self, organisation_id: uuid.UUID, dataset_id: uuid.UUID, sha256: str, split: Split) -> Path:
        return self.of(organisation_id, dataset_id, sha256) / file_of(split)

    @contextmanager
    def building(self, organisation_id: uuid.UUID, dataset_id: uuid.UUID, name: str) -> Iterator[Path]:
        """A folder to build in, gone at the end, as are those that earlier processes left: of one dataset, one version is built at once."""
        dataset = self._of_dataset(organisation_id, dataset_id)
        for left in dataset.glob(f"{BUILDING}*"):
            shutil.rmtree(left, ignore_errors=True)
        folder = dataset / f"{BUILDING}{name}"
        folder.mkdir(parents=True, mode=0o700)
        try:
            yield folder
        finally:
            shutil.rmtree(folder, ignore_errors=True)

    def publish(self, written: Path, organisation_id: uuid.UUID, dataset_id: uuid.UUID, sha256: str) -> None:
        """``written``, a folder below one of :meth:`building`, becomes the version's. No row names it yet."""
        target = self.of(organisation_id, dataset_id, sha256)
        shutil.rmtree(target, ignore_errors=True)
        place(written, target, self.root)

    def keep_only(self, organisation_id: uuid.UUID, dataset_id: uuid.UUID, hashes: Collection[str]) -> None:
        """Removes the folders of versions that no row names."""
        for folder in self._of_dataset(organisation_id, dataset_id).glob("*"):
            if folder.name not in hashes and not folder.name.startswith(BUILDING):
                shutil.rmtree(folder, ignore_errors=True)

    def remove(self, organisation_id: uuid.UUID, dataset_id: uuid.UUID) -> None:
        shutil.rmtree(self._of_dataset(organisation_id, dataset_id), ignore_errors=True)

    def _of_dataset(self, organisation_id: uuid.UUID, dataset_id: uuid.UUID) -> Path:
        return self.root / str(organisation_id) / str(dataset_id)


def file_of(split: Split) -> str:
    return f"{split}.jsonl"
