"""What somebody may do with files: see those of the organisation, add some as an editor, and remove their own; an admin removes any."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import BinaryIO

from starlette.datastructures import UploadFile

from api.audit.trail import Trail
from api.files.schemas import FileForm, FileObject, FilePage, FileQuery
from api.web.principal import Principal, Role
from cluster.batches.files import Files
from cluster.batches.names import file_id_of, file_name
from cluster.batches.tables import FileRow
from cluster.errors import Conflict, Forbidden, TooLarge
from cluster.files import PIECE, FileStore
from cluster.settings import FileSettings
from cluster.stores.sql import AsyncSession

NAME_CHARS = 512


class FileService:
    def __init__(self, session: AsyncSession, principal: Principal, trail: Trail, store: FileStore, settings: FileSettings) -> None:
        self._files = Files(session)
        self._principal = principal
        self._trail = trail
        self._store = store
        self._settings = settings

    async def add(self, upload: UploadFile, form: FileForm) -> FileObject:
        """The bytes are on disk before the row is there, so that no row is without them."""
        await self._refuse_surplus(upload.size or 0)
        stored = await asyncio.to_thread(self._store.write, self._principal.organisation_id, upload.file)
        kept_s = form.seconds if form.seconds is not None else self._settings.batch_kept_days * 86400 if form.purpose == "batch" else None
        row = await self._files.add(
            FileRow(
                id=stored.id,
                organisation_id=self._principal.organisation_id,
                owner_id=self._principal.user_id,
                purpose=form.purpose,
                filename=_base(upload.filename),
                bytes=stored.bytes,
                sha256=stored.sha256,
                expires_at=datetime.now(UTC) + timedelta(seconds=kept_s) if kept_s is not None else None,
            )
        )
        self._trail.record("file.added", f"file:{row.id}", purpose=row.purpose, bytes=row.bytes)
        return FileObject.of(row)

    async def page(self, asked: FileQuery) -> FilePage:
        after = await self._get(asked.after) if asked.after is not None else None
        place, ascending = self._principal.organisation_id, asked.order == "asc"
        found = await self._files.page(place, after, asked.limit + 1, purpose=asked.purpose, ascending=ascending)
        shown = [FileObject.of(row) for row in found[: asked.limit]]
        first, last = (shown[0].id, shown[-1].id) if shown else (None, None)
        return FilePage(data=shown, first_id=first, last_id=last, has_more=len(found) > asked.limit)

    async def one(self, name: str) -> FileObject:
        return FileObject.of(await self._get(name))

    async def open(self, name: str) -> tuple[FileRow, BinaryIO]:
        """Its bytes, for the caller to close."""
        row = await self._get(name)
        return row, await asyncio.to_thread(self._store.open, row.organisation_id, row.id)

    async def remove(self, name: str) -> uuid.UUID:
        """Raises Forbidden for somebody else's, unless an admin asks, and Conflict while a batch reads it. Its bytes stay until
        :meth:`forget` is called, when the row is gone for certain."""
        row = await self._get(name)
        if row.owner_id != self._principal.user_id and not self._principal.role.includes(Role.ADMIN):
            raise Forbidden("The file is somebody else's; ask them, or an admin of your organisation.")
        if await self._files.is_in_use(row):
            raise Conflict(f"A batch reads {file_name(row.id)}; cancel it first, or wait until it has ended.")
        await self._files.remove(row)
        self._trail.record("file.removed", f"file:{row.id}", purpose=row.purpose)
        return row.id

    def forget(self, file_id: uuid.UUID) -> None:
        """Blocking."""
        self._store.remove(self._principal.organisation_id, file_id)

    async def _get(self, name: str) -> FileRow:
        return await self._files.get(self._principal.organisation_id, file_id_of(name))

    async def _refuse_surplus(self, size: int) -> None:
        held, most = await self._files.held(self._principal.organisation_id), self._settings
        if held.files >= most.per_organisation:
            raise TooLarge(
                f"Your organisation has {held.files} files, the most there may be (setting files.per_organisation); remove some."
            )
        if held.bytes + size > most.organisation_bytes:
            raise TooLarge(f"Your organisation's files would be over {int(most.organisation_bytes)} bytes (files.organisation_bytes).")


def pieces(file: BinaryIO) -> Iterator[bytes]:
    """All of ``file``, which is then closed."""
    with file:
        while piece := file.read(PIECE):
            yield piece


def _base(filename: str | None) -> str:
    """What it was called on its machine, without folders."""
    name = (filename or "").replace("\\", "/").rsplit("/", 1)[-1].replace("\x00", "")
    return "".join(letter if letter.isprintable() else "\ufffd" for letter in name)[-NAME_CHARS:] or "file"
