"""Datasets of an organisation: made, built, read and deleted."""

from __future__ import annotations

import asyncio
import uuid
from pathlib import Path
from typing import BinaryIO

from api.audit.trail import Trail
from api.conversations.answers import Listing
from api.conversations.cursors import cursor_of, position_of
from api.datasets.schemas import Build, DatasetAnswer, DatasetBody, DatasetQuery, VersionAnswer, VersionQuery
from api.jobs.install import JobDesk
from api.web.principal import Principal
from cluster.errors import NotFound, TooLarge
from cluster.home import Home
from cluster.jobs.store import NewJob
from cluster.learning.datasets.datasheet import as_markdown
from cluster.learning.datasets.folders import DatasetFolders
from cluster.learning.datasets.loading import refuse_marked
from cluster.learning.datasets.origins import check_sources
from cluster.learning.datasets.recipe import Recipe, Split
from cluster.learning.datasets.store import KIND, Datasets
from cluster.learning.datasets.tables import DatasetVersionRow
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession


class DatasetService:
    """For one person, in one transaction."""

    def __init__(self, session: AsyncSession, who: Principal, trail: Trail, desk: JobDesk, settings: Settings) -> None:
        self._session = session
        self._datasets = Datasets(session)
        self._who = who
        self._trail = trail
        self._desk = desk
        self._limits = settings.datasets
        self._folders = DatasetFolders(Home(settings.home))

    async def create(self, body: DatasetBody) -> DatasetAnswer:
        here, most = self._who.organisation_id, self._limits.per_organisation
        if await self._datasets.count(here) >= most:
            raise TooLarge(
                f"Your organisation has {most} datasets, the most there may be (setting datasets.per_organisation); delete some."
            )
        recipe = body.recipe()
        await check_sources(self._session, here, recipe)
        named = body.model_dump(include={"name", "description", "task", "shape"})
        owned = {"organisation_id": here, "owner_id": self._who.user_id}
        row = await self._datasets.add({**named, **owned, "recipe": recipe.model_dump(mode="json")})
        self._trail.record("dataset.created", f"dataset:{row.id}", shape=row.shape)
        return DatasetAnswer.of(row)

    async def page(self, asked: DatasetQuery) -> Listing[DatasetAnswer]:
        """The newest first."""
        found = await self._datasets.page(self._who.organisation_id, position_of(asked.cursor), asked.limit + 1)
        shown = found[: asked.limit]
        cursor = cursor_of(shown[-1].created_at, shown[-1].id) if len(found) > asked.limit else None
        return Listing[DatasetAnswer](items=[DatasetAnswer.of(row) for row in shown], next_cursor=cursor)

    async def one(self, dataset_id: uuid.UUID) -> DatasetAnswer:
        return DatasetAnswer.of(await self._datasets.get(self._who.organisation_id, dataset_id))

    async def delete(self, dataset_id: uuid.UUID) -> None:
        """Its files stay until :meth:`forget` is called, when the rows are gone for certain."""
        row = await self._datasets.get(self._who.organisation_id, dataset_id, lock=True)
        await self._datasets.remove(row)
        self._trail.record("dataset.deleted", f"dataset:{row.id}")

    def forget(self, dataset_id: uuid.UUID) -> None:
        """Blocking."""
        self._folders.remove(self._who.organisation_id, dataset_id)

    async def build(self, dataset_id: uuid.UUID) -> Build:
        """Its sources are looked at now, so that who asks is told at once of one that is gone or empty."""
        row = await self._datasets.get(self._who.organisation_id, dataset_id)
        await check_sources(self._session, row.organisation_id, Recipe.model_validate(row.recipe))
        new = NewJob(KIND, row.organisation_id, self._who.user_id, {"dataset": str(row.id)})
        job = await self._desk.enqueue(self._session, new)
        self._trail.record("dataset.built", f"dataset:{row.id}", job=str(job.id))
        return Build.of(job, row)

    async def versions(self, dataset_id: uuid.UUID, asked: VersionQuery) -> list[VersionAnswer]:
        """The latest first."""
        row = await self._datasets.get(self._who.organisation_id, dataset_id)
        return [VersionAnswer.of(version) for version in await self._datasets.versions(row, asked.below, asked.limit)]

    async def version(self, dataset_id: uuid.UUID, number: int) -> VersionAnswer:
        return VersionAnswer.of(await self._version(dataset_id, number))

    async def sheet(self, dataset_id: uuid.UUID, number: int) -> dict[str, object]:
        version = await self._version(dataset_id, number)
        refuse_marked(version)
        return version.datasheet

    async def sheet_text(self, dataset_id: uuid.UUID, number: int) -> str:
        return as_markdown(await self.sheet(dataset_id, number))

    async def split(self, dataset_id: uuid.UUID, number: int, split: Split) -> tuple[int, BinaryIO]:
        """Bytes of a file, and the file, for the caller to close."""
        version = await self._version(dataset_id, number)
        refuse_marked(version)
        path = self._folders.split(version.organisation_id, version.dataset_id, version.sha256, split)
        return await asyncio.to_thread(_opened, path)

    async def delete_version(self, dataset_id: uuid.UUID, number: int) -> None:
        """Its number is not given again. Its files stay until :meth:`tidy` is called in a later transaction."""
        version = await self._version(dataset_id, number, lock=True)
        await self._datasets.remove_version(version)
        self._trail.record("dataset.version_deleted", f"dataset:{dataset_id}", version=number)

    async def _version(self, dataset_id: uuid.UUID, number: int, *, lock: bool = False) -> DatasetVersionRow:
        row = await self._datasets.get(self._who.organisation_id, dataset_id, lock=lock)
        return await self._datasets.version(row, number)


async def tidy(session: AsyncSession, folders: DatasetFolders, organisation_id: uuid.UUID, dataset_id: uuid.UUID) -> None:
    """Removes the files of versions that are gone. Nobody publishes one meanwhile."""
    datasets = Datasets(session)
    await datasets.get(organisation_id, dataset_id, lock=True)
    await asyncio.to_thread(folders.keep_only, organisation_id, dataset_id, await datasets.hashes(dataset_id))


def _opened(path: Path) -> tuple[int, BinaryIO]:
    try:
        file = path.open("rb")
    except FileNotFoundError:
        raise NotFound("The files of this version are no longer there; build it again.") from None
    return path.stat().st_size, file
