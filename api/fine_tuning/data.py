"""What a training may learn from: files and versions of datasets, every line of them looked at before the job is queued."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Callable
from typing import BinaryIO

from cluster.batches.files import Files, file_store
from cluster.batches.names import file_id_of
from cluster.errors import BadInput, Unprocessable
from cluster.home import Home
from cluster.learning.datasets.loading import load
from cluster.learning.tuning.lines import count_examples
from cluster.learning.tuning.pairs import count_pairs
from cluster.learning.tuning.spec import DATASET, DataFile, DataVersion, Method
from cluster.settings import TuningSettings
from cluster.stores.sql import AsyncSession

PURPOSE = "fine-tune"


class TrainingData:
    """Of one organisation, for one method."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID, home: Home, limits: TuningSettings, method: Method) -> None:
        self._session = session
        self._organisation_id = organisation_id
        self._home = home
        self._limits = limits
        self._method = method

    async def training(self, name: str) -> DataFile | DataVersion:
        """Raises NotFound, BadInput, Unprocessable for what cannot be learned from, and Conflict for words that were taken back."""
        return await (self._version(name) if name.startswith(DATASET) else self._file(name, "training_file", self._limits.least_examples))

    async def validation(self, name: str | None) -> DataFile | None:
        return await self._file(name, "validation_file", 1) if name is not None else None

    async def _version(self, name: str) -> DataVersion:
        dataset, _, number = name.removeprefix(DATASET).partition(":")
        if not dataset or not (number == "" or (number.isascii() and number.isdigit() and len(number) < 10)):
            raise BadInput(f"'{name[:100]}' names no dataset; write dataset:<name> or dataset:<name>:<version>.").about("training_file")
        which = int(number) if number else None
        found = await load(self._session, self._organisation_id, _id_or_name(dataset), which, home=self._home)
        if self._method.type == "dpo" and found.shape != "dpo":
            raise BadInput(
                f"'{name[:100]}' has the shape '{found.shape}': answers, and none that they are preferred to. Make a dataset of the shape "
                "'dpo' from the same sources, or train with the method 'supervised'."
            ).about("training_file")
        examples = await self._counted(lambda: found.path_train.open("rb"), "training_file", self._limits.least_examples)
        return DataVersion(
            dataset_id=found.dataset_id, version=found.version, sha256=found.sha256, examples=examples, held_out=found.counts["held_out"]
        )

    async def _file(self, name: str, param: str, least: int) -> DataFile:
        row = await Files(self._session).get(self._organisation_id, file_id_of(name))
        if row.purpose != PURPOSE:
            raise BadInput(f"The file has the purpose '{row.purpose}'; upload it with '{PURPOSE}'.").about(param)
        store = file_store(self._home)
        examples = await self._counted(lambda: store.open(row.organisation_id, row.id), param, least)
        return DataFile(file_id=row.id, sha256=row.sha256, examples=examples)

    async def _counted(self, opened: Callable[[], BinaryIO], param: str, least: int) -> int:
        count = count_pairs if self._method.type == "dpo" else count_examples

        def look() -> int:
            with opened() as file:
                return count(file, self._limits, least)

        try:
            return await asyncio.to_thread(look)
        except Unprocessable as error:
            raise error.about(param) from None


def _id_or_name(dataset: str) -> uuid.UUID | str:
    try:
        return uuid.UUID(dataset)
    except ValueError:
        return dataset
