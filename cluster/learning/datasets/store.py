"""Datasets and their versions in the database: every read names the organisation.

Rows are written by statements: a job's process knows no tables of the API, to which theirs refer, and SQLAlchemy's unit of work wants all.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cluster.errors import Conflict, NotFound
from cluster.learning.datasets.tables import Dataset, DatasetSource, DatasetVersionRow
from cluster.learning.example import Source
from cluster.stores.sql import AsyncSession

KIND = "datasets.build"
AT_ONCE = 1000


class Datasets:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, values: dict[str, Any]) -> Dataset:
        """Raises Conflict where the organisation has one of this name."""
        free = insert(Dataset).values(id=uuid.uuid4(), **values).on_conflict_do_nothing().returning(Dataset)
        row = (await self._session.scalars(free)).one_or_none()
        if row is None:
            raise Conflict(f"There is a dataset '{values['name']}' already; choose another name, or delete that one.").about("name")
        return row

    async def get(self, organisation_id: uuid.UUID, dataset: uuid.UUID | str, *, lock: bool = False) -> Dataset:
        """By its id or its name. Raises NotFound, also for one of another organisation."""
        named = Dataset.id == dataset if isinstance(dataset, uuid.UUID) else Dataset.name == dataset
        chosen = select(Dataset).where(named, Dataset.organisation_id == organisation_id)
        chosen = chosen.with_for_update() if lock else chosen
        row = (await self._session.scalars(chosen, execution_options={"populate_existing": True})).one_or_none()
        if row is None:
            raise NotFound(f"There is no dataset '{str(dataset)[:200]}'; GET /api/v1/datasets lists those there are.")
        return row

    async def count(self, organisation_id: uuid.UUID) -> int:
        return await self._session.scalar(select(func.count()).where(Dataset.organisation_id == organisation_id)) or 0

    async def page(self, organisation_id: uuid.UUID, before: tuple[datetime, uuid.UUID] | None, most: int) -> Sequence[Dataset]:
        """The newest first."""
        chosen = select(Dataset).where(Dataset.organisation_id == organisation_id)
        if before is not None:
            chosen = chosen.where(tuple_(Dataset.created_at, Dataset.id) < before)
        return (await self._session.scalars(chosen.order_by(Dataset.created_at.desc(), Dataset.id.desc()).limit(most))).all()

    async def remove(self, dataset: Dataset) -> None:
        """With all versions; their files go when the transaction is committed, which is the caller's to see to."""
        await self._session.execute(delete(Dataset).where(Dataset.id == dataset.id))

    async def versions(self, dataset: Dataset, below: int | None, most: int) -> Sequence[DatasetVersionRow]:
        """The latest first; those with a number below ``below``."""
        chosen = select(DatasetVersionRow).where(DatasetVersionRow.dataset_id == dataset.id)
        if below is not None:
            chosen = chosen.where(DatasetVersionRow.version < below)
        return (await self._session.scalars(chosen.order_by(DatasetVersionRow.version.desc()).limit(most))).all()

    async def version(self, dataset: Dataset, number: int) -> DatasetVersionRow:
        """Raises NotFound."""
        chosen = select(DatasetVersionRow).where(DatasetVersionRow.dataset_id == dataset.id, DatasetVersionRow.version == number)
        row = await self._session.scalar(chosen)
        if row is None:
            told = f"the latest is {dataset.version}" if dataset.version else "none was built yet"
            raise NotFound(f"The dataset has no version {number}; {told}.")
        return row

    async def with_content(self, dataset: Dataset, sha256: str) -> DatasetVersionRow | None:
        chosen = select(DatasetVersionRow).where(DatasetVersionRow.dataset_id == dataset.id, DatasetVersionRow.sha256 == sha256)
        return await self._session.scalar(chosen)

    async def add_version(self, dataset: Dataset, values: dict[str, Any]) -> DatasetVersionRow:
        """The next one of ``dataset``, which is locked."""
        number = dataset.version + 1
        await self._session.execute(update(Dataset).where(Dataset.id == dataset.id).values(version=number))
        owned = {"organisation_id": dataset.organisation_id, "owner_id": dataset.owner_id, "dataset_id": dataset.id}
        row = insert(DatasetVersionRow).values(id=uuid.uuid4(), **owned, version=number, shape=dataset.shape, **values)
        return (await self._session.scalars(row.returning(DatasetVersionRow))).one()

    async def remove_version(self, version: DatasetVersionRow) -> None:
        """Its number is not given again."""
        await self._session.execute(delete(DatasetVersionRow).where(DatasetVersionRow.id == version.id))

    async def hashes(self, dataset_id: uuid.UUID) -> set[str]:
        """Of the versions there are."""
        return set(await self._session.scalars(select(DatasetVersionRow.sha256).where(DatasetVersionRow.dataset_id == dataset_id)))

    async def forget_sources(self, version: DatasetVersionRow) -> None:
        """For one that comes out the same though what was erased is left out, because somebody else said it too."""
        await self._session.execute(delete(DatasetSource).where(DatasetSource.version_id == version.id))
        clean = update(DatasetVersionRow).where(DatasetVersionRow.id == version.id).values(erased_at=None, contains_erased=0)
        await self._session.execute(clean)

    async def add_sources(self, version: DatasetVersionRow, sources: Sequence[Source]) -> None:
        """Those that it has already stay as they are."""
        owner = {"version_id": version.id, "organisation_id": version.organisation_id}
        for start in range(0, len(sources), AT_ONCE):
            some = sources[start : start + AT_ONCE]
            rows = [{**owner, "kind": one.kind, "source_id": one.id, "user_id": one.user_id} for one in some]
            await self._session.execute(insert(DatasetSource).values(rows).on_conflict_do_nothing())
