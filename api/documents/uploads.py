"""Taking files in: bytes to disk first, then rows and the job in one transaction. What is answered with 2xx survives any crash."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import BinaryIO, Literal

from anyio import to_thread

from api.audit.trail import Origin, Trail
from api.documents.repository import KIND, CollectionRepository, DocumentRepository
from api.documents.schemas import Taken, Upload
from api.jobs.install import JobDesk
from api.web.deps import Parts
from api.web.principal import Principal
from cluster.errors import Conflict, HearthError, TooLarge, Unavailable, Unprocessable
from cluster.files import FileStore, Stored
from cluster.jobs.store import NewJob
from cluster.knowledge.names import distinct
from cluster.knowledge.tables import DocumentRow, DocumentState
from cluster.stores.sql import AsyncSession

READY, PENDING, REMOVING = DocumentState.READY.value, DocumentState.PENDING.value, DocumentState.REMOVING.value


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
            job_id = await self._job(session, collection_id) if rows else None
        return Upload(job_id=job_id, documents=[_taken(row, "changed") for row in rows])

    async def ingest(self, session: AsyncSession, collection_id: uuid.UUID) -> uuid.UUID:
        """The job that sees to whatever waits."""
        return await self._job(session, collection_id)

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
            # Locked, so that two uploads of the same path come one after the other.
            await CollectionRepository(session, self._who.organisation_id).get(collection_id, lock=True)
            rows = DocumentRepository(session, self._who.organisation_id)
            known = await rows.uploaded(collection_id, list(files))
            self._refuse_too_many(await rows.count(collection_id) + len(files) - len(known))
            taken, unused = [], []
            for path, stored in files.items():
                one, left = self._one(rows, collection_id, path, stored, known.get(path))
                taken.append(one)
                unused += [left] if left is not None else []
            await rows.flush()
            changed = sum(one.outcome != "unchanged" for one in taken)
            waiting = any(row.state == PENDING for row in known.values())
            job_id = await self._job(session, collection_id, begun=not changed) if changed or waiting else None
            if changed:
                Trail(session, self._origin, self._who).record("documents.uploaded", f"collection:{collection_id}", count=changed)
        return Upload(job_id=job_id, documents=taken), unused

    def _one(
        self, rows: DocumentRepository, collection_id: uuid.UUID, path: str, stored: Stored, row: DocumentRow | None
    ) -> tuple[Taken, uuid.UUID | None]:
        if row is None:
            row = DocumentRow(
                id=uuid.uuid4(),
                organisation_id=self._who.organisation_id,
                owner_id=self._who.user_id,
                collection_id=collection_id,
                path=path,
                version=1,
                file_id=stored.id,
                bytes=stored.bytes,
                content_hash=stored.sha256,
            )
            rows.add(row)
            return _taken(row, "new"), None
        if row.state == REMOVING:
            raise Conflict(f"The document '{path[:200]}' is just being removed; upload it again in a moment.")
        if row.content_hash == stored.sha256 and row.state in (READY, PENDING):
            return _taken(row, "unchanged"), stored.id
        left, row.file_id, row.bytes, row.content_hash = row.file_id, stored.id, stored.bytes, stored.sha256
        row.state, row.reason, row.version = PENDING, None, row.version + 1
        return _taken(row, "changed"), left

    async def _job(self, session: AsyncSession, collection_id: uuid.UUID, *, begun: bool = False) -> uuid.UUID:
        """One that has not begun yet, or a new one. ``begun``: one that is at work will do, because nothing is new to it."""
        queued = await CollectionRepository(session, self._who.organisation_id).open_job(collection_id, begun=begun)
        if queued is not None:
            return queued.id
        new = NewJob(KIND, self._who.organisation_id, self._who.user_id, {"collection": str(collection_id)})
        return (await self._desk.enqueue(session, new)).id

    async def _forget(self, files: Sequence[uuid.UUID]) -> None:
        for file_id in files:
            await to_thread.run_sync(partial(self._files.remove, self._who.organisation_id, file_id))

    def _refuse_too_many(self, documents: int) -> None:
        most = self._parts.settings.ingest.documents
        if documents > most:
            raise TooLarge(f"The collection would have {documents} documents, at most {most} are taken (setting ingest.documents).")


def _taken(row: DocumentRow, outcome: Literal["new", "changed", "unchanged"]) -> Taken:
    return Taken(document_id=row.id, path=row.path, version=row.version, outcome=outcome)
