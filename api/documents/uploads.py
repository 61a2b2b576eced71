"""Taking files in: bytes to disk first, then rows and the job in one transaction. What is answered with 2xx survives any crash."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO

from anyio import to_thread

from api.audit.trail import Origin, Trail
from api.documents.repository import CollectionRepository, DocumentRepository
from api.documents.schemas import Taken, Upload
from api.jobs.install import JobDesk
from api.web.deps import Parts
from api.web.principal import Principal
from cluster.errors import HearthError, Unavailable, Unprocessable
from cluster.files import FileStore, Stored
from cluster.knowledge.intake import Entry, Intake
from cluster.knowledge.names import distinct
from cluster.knowledge.tables import DocumentState
from cluster.stores.sql import AsyncSession

PENDING = DocumentState.PENDING.value


@dataclass(frozen=True, slots=True)
class Given:
    """A file of an upload, open for reading."""

    path: str
    content: BinaryIO


class Uploads:
    """For one person."""

    def __init__(self, parts: Parts, files: FileStore, desk: JobDesk, who: Principal, origin: Origin) -> None:
        self._parts = parts
        self._files = files
        self._desk = desk
        self._who = who
        self._origin = origin

    async def take(self, collection_id: uuid.UUID, given: Sequence[Given]) -> Upload:
        """Raises NotFound for no such collection, Unprocessable for a name that cannot be, TooLarge for too many documents, Conflict while
        one of the same path is being removed. Then nothing was taken."""
        paths = distinct([one.path for one in given])
        if not paths:
            raise Unprocessable("Send at least one file in the field 'files'.").about("files")
        async with self._parts.stores.database.session() as session:
            await CollectionRepository(session, self._who.organisation_id).get(collection_id)
        kept = await self._keep(given)
        try:
            upload, unused = await self._enter(collection_id, dict(zip(paths, kept, strict=True)))
        except HearthError:
            # Of any other error it is not known whether the rows are there; files without a row are found later.
            await self._forget([stored.id for stored in kept])
            raise
        await self._forget(unused)
        return upload

    async def again(self, collection_id: uuid.UUID) -> Upload:
        """Has what failed tried once more."""
        async with self._parts.stores.database.session() as session:
            await CollectionRepository(session, self._who.organisation_id).get(collection_id, lock=True)
            rows = await DocumentRepository(session, self._who.organisation_id).failed(collection_id)
            for row in rows:
                row.state, row.reason, row.version = PENDING, None, row.version + 1
            job_id = await self.ingest(session, collection_id) if rows else None
        return Upload(job_id=job_id, documents=[_taken(Entry.of(row, "changed")) for row in rows])

    async def ingest(self, session: AsyncSession, collection_id: uuid.UUID) -> uuid.UUID:
        """The job that sees to whatever waits."""
        return await self._intake(session, collection_id).job()

    async def _keep(self, given: Sequence[Given]) -> list[Stored]:
        organisation = self._who.organisation_id
        try:
            return [await to_thread.run_sync(self._files.write, organisation, one.content) for one in given]
        except OSError as error:
            raise Unavailable(
                f"The files cannot be kept ({error.strerror or 'the disk fails'}); nothing was taken. Retry in 60 s."
            ) from None

    async def _enter(self, collection_id: uuid.UUID, files: dict[str, Stored]) -> tuple[Upload, list[uuid.UUID]]:
        """Rows for the files; and the ids of files that no row names now."""
        async with self._parts.stores.database.session() as session:
            entered = await self._intake(session, collection_id).enter(files)
            if entered.changed:
                Trail(session, self._origin, self._who).record("documents.uploaded", f"collection:{collection_id}", count=entered.changed)
        return Upload(job_id=entered.job_id, documents=[_taken(one) for one in entered.entries]), entered.unused

    def _intake(self, session: AsyncSession, collection_id: uuid.UUID) -> Intake:
        return Intake(session, collection_id, self._who.organisation_id, self._who.user_id, self._parts.settings.ingest, self._desk.enqueue)

    async def _forget(self, files: Sequence[uuid.UUID]) -> None:
        for file_id in files:
            await to_thread.run_sync(partial(self._files.remove, self._who.organisation_id, file_id))


def _taken(entry: Entry) -> Taken:
    return Taken(document_id=entry.document_id, path=entry.path, version=entry.version, outcome=entry.outcome)
