"""The SQL of collections and documents: every read names the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Select, func, select, tuple_

from cluster.errors import NotFound
from cluster.knowledge.tables import Collection, DocumentRow, DocumentState, DocumentText
from cluster.stores.sql import AsyncSession

REMOVING = DocumentState.REMOVING.value


class CollectionRepository:
    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID) -> None:
        self._session = session
        self._organisation_id = organisation_id

    def add(self, row: Collection) -> None:
        self._session.add(row)

    async def flush(self) -> None:
        await self._session.flush()

    async def get(self, collection_id: uuid.UUID, *, lock: bool = False) -> Collection:
        """Raises NotFound, also for one of another organisation."""
        chosen = self._own().where(Collection.id == collection_id)
        row = await self._session.scalar(chosen.with_for_update() if lock else chosen)
        if row is None:
            raise NotFound(f"There is no collection '{collection_id}'; GET /api/v1/collections lists those there are.")
        return row

    async def named(self, name: str) -> Collection | None:
        chosen = select(Collection).where(Collection.organisation_id == self._organisation_id, Collection.name == name)
        return await self._session.scalar(chosen)

    async def page(self, after: str | None, most: int) -> Sequence[Collection]:
        """By name."""
        chosen = self._own().order_by(Collection.name).limit(most)
        return (await self._session.scalars(chosen if after is None else chosen.where(Collection.name > after))).all()

    async def count(self) -> int:
        chosen = select(func.count()).select_from(Collection).where(Collection.organisation_id == self._organisation_id)
        return await self._session.scalar(chosen) or 0

    async def states(self, collections: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, int]]:
        """How many documents each has in each state."""
        chosen = (
            select(DocumentRow.collection_id, DocumentRow.state, func.count())
            .where(DocumentRow.collection_id.in_(collections), DocumentRow.organisation_id == self._organisation_id)
            .group_by(DocumentRow.collection_id, DocumentRow.state)
        )
        found: dict[uuid.UUID, dict[str, int]] = {collection: {} for collection in collections}
        for collection, state, count in await self._session.execute(chosen):
            if state != REMOVING:
                found[collection][state] = count
        return found

    def _own(self) -> Select[Collection]:
        return select(Collection).where(Collection.organisation_id == self._organisation_id, Collection.is_removing.is_(False))


class DocumentRepository:
    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID) -> None:
        self._session = session
        self._organisation_id = organisation_id

    async def get(self, document_id: uuid.UUID, *, lock: bool = False) -> DocumentRow:
        """Raises NotFound, also for one that is being removed, or of another organisation."""
        chosen = select(DocumentRow).where(
            DocumentRow.id == document_id, DocumentRow.organisation_id == self._organisation_id, DocumentRow.state != REMOVING
        )
        row = await self._session.scalar(chosen.with_for_update() if lock else chosen)
        if row is None:
            raise NotFound(f"There is no document '{document_id}'; GET /api/v1/collections/<id>/documents lists those there are.")
        return row

    async def page(
        self,
        collection_id: uuid.UUID,
        state: DocumentState | None,
        path: str | None,
        before: tuple[datetime, uuid.UUID] | None,
        most: int,
    ) -> Sequence[DocumentRow]:
        """The newest first."""
        chosen = (
            select(DocumentRow)
            .where(
                DocumentRow.collection_id == collection_id,
                DocumentRow.organisation_id == self._organisation_id,
                DocumentRow.state == state.value if state is not None else DocumentRow.state != REMOVING,
            )
            .order_by(DocumentRow.created_at.desc(), DocumentRow.id.desc())
            .limit(most)
        )
        if path is not None:
            chosen = chosen.where(DocumentRow.path.startswith(path, autoescape=True))
        if before is not None:
            chosen = chosen.where(tuple_(DocumentRow.created_at, DocumentRow.id) < before)
        return (await self._session.scalars(chosen)).all()

    async def everywhere(self, after: tuple[uuid.UUID, datetime, uuid.UUID] | None, most: int) -> Sequence[DocumentRow]:
        """Those of all collections of which something was read: by collection, the oldest first."""
        place = (DocumentRow.collection_id, DocumentRow.created_at, DocumentRow.id)
        there = select(Collection.id).where(Collection.organisation_id == self._organisation_id, Collection.is_removing.is_(False))
        chosen = select(DocumentRow).where(
            DocumentRow.collection_id.in_(there),
            DocumentRow.organisation_id == self._organisation_id,
            DocumentRow.state != REMOVING,
            DocumentRow.chars > 0,
        )
        chosen = chosen if after is None else chosen.where(tuple_(*place) > after)
        return (await self._session.scalars(chosen.order_by(*place).limit(most))).all()

    async def failed(self, collection_id: uuid.UUID) -> Sequence[DocumentRow]:
        """Uploads of which nothing was taken, and those that hold such."""
        inside = select(DocumentRow.root_id).where(
            DocumentRow.collection_id == collection_id, DocumentRow.state == DocumentState.FAILED.value, DocumentRow.root_id.is_not(None)
        )
        own = DocumentRow.state == DocumentState.FAILED.value
        chosen = select(DocumentRow).where(
            DocumentRow.collection_id == collection_id,
            DocumentRow.organisation_id == self._organisation_id,
            DocumentRow.root_id.is_(None),
            DocumentRow.state.in_((DocumentState.FAILED.value, DocumentState.READY.value)),
            own | DocumentRow.id.in_(inside),
        )
        return (await self._session.scalars(chosen.with_for_update())).all()

    async def text(self, document_id: uuid.UUID, start: int, end: int) -> tuple[int, int, str] | None:
        """Version, length of the whole, and the characters from ``start`` to ``end``; None before it was read."""
        text = DocumentText.text
        chosen = select(DocumentText.version, func.char_length(text), func.substr(text, start + 1, end - start)).where(
            DocumentText.document_id == document_id
        )
        row = (await self._session.execute(chosen)).one_or_none()
        return None if row is None else (row[0], row[1], row[2])
