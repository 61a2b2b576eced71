"""Files in the database, and where their bytes are."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import delete, func, select, tuple_

from cluster.batches.names import file_name
from cluster.batches.tables import Batch, FileRow
from cluster.errors import NotFound
from cluster.files import FileStore
from cluster.home import Home
from cluster.stores.sql import AsyncSession


def file_store(home: Home) -> FileStore:
    """In a folder of its own, so that whoever sweeps the files of documents and whoever sweeps these do not take each other's for left."""
    return FileStore(home.files / "openai")


@dataclass(frozen=True, slots=True)
class Held:
    """How much an organisation has."""

    files: int
    bytes: int


class Files:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, row: FileRow) -> FileRow:
        self._session.add(row)
        await self._session.flush()
        await self._session.refresh(row)
        return row

    async def get(self, organisation_id: uuid.UUID, file_id: uuid.UUID | None) -> FileRow:
        """Raises NotFound, also for one of another organisation, and for one that is past its time."""
        kept = FileRow.expires_at.is_(None) | (FileRow.expires_at > func.now())
        chosen = select(FileRow).where(FileRow.id == file_id, FileRow.organisation_id == organisation_id, kept)
        row = (await self._session.scalars(chosen)).one_or_none()
        if row is None:
            told = f"There is no file '{file_name(file_id)}'" if file_id else "Ids of files begin with 'file-'"
            raise NotFound(f"{told}; GET /v1/files lists those there are.")
        return row

    async def page(
        self, organisation_id: uuid.UUID, after: FileRow | None, most: int, *, purpose: str | None = None, ascending: bool = False
    ) -> Sequence[FileRow]:
        """The newest first, unless ``ascending``; behind the one ``after``."""
        place = tuple_(FileRow.created_at, FileRow.id)
        kept = FileRow.expires_at.is_(None) | (FileRow.expires_at > func.now())
        chosen = select(FileRow).where(FileRow.organisation_id == organisation_id, kept).limit(most)
        if purpose is not None:
            chosen = chosen.where(FileRow.purpose == purpose)
        if after is not None:
            last = (after.created_at, after.id)
            chosen = chosen.where(place > last if ascending else place < last)
        order = (FileRow.created_at, FileRow.id) if ascending else (FileRow.created_at.desc(), FileRow.id.desc())
        return (await self._session.scalars(chosen.order_by(*order))).all()

    async def held(self, organisation_id: uuid.UUID) -> Held:
        chosen = select(func.count(), func.coalesce(func.sum(FileRow.bytes), 0)).where(FileRow.organisation_id == organisation_id)
        files, size = (await self._session.execute(chosen)).one()
        return Held(files, int(size))

    async def is_in_use(self, row: FileRow) -> bool:
        """Whether a batch that has not ended reads it."""
        reading = select(Batch.id).where(Batch.organisation_id == row.organisation_id, Batch.input_file_id == row.id)
        return await self._session.scalar(reading.where(Batch.ended_at.is_(None)).limit(1)) is not None

    async def remove(self, row: FileRow) -> None:
        """The row; its bytes go when the transaction is committed, which is the caller's to see to."""
        await self._session.execute(delete(FileRow).where(FileRow.id == row.id, FileRow.organisation_id == row.organisation_id))

    async def remove_lapsed(self, most: int) -> list[tuple[uuid.UUID, uuid.UUID]]:
        """Organisation and id of files past their time, whose rows are now gone. One that an open batch reads stays."""
        reading = select(Batch.id).where(Batch.input_file_id == FileRow.id, Batch.ended_at.is_(None)).exists()
        lapsed = select(FileRow.id).where(FileRow.expires_at <= func.now(), ~reading).limit(most).with_for_update(skip_locked=True)
        gone = delete(FileRow).where(FileRow.id.in_(lapsed)).returning(FileRow.organisation_id, FileRow.id)
        return [(row[0], row[1]) for row in await self._session.execute(gone)]

    async def known(self, file_ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
        """Those of them that have a row."""
        return set(await self._session.scalars(select(FileRow.id).where(FileRow.id.in_(file_ids))))
