"""The SQL of searching: which collections there are, and which documents. Every read names the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Select, or_, select

from cluster.knowledge.tables import Collection, DocumentRow, DocumentState
from cluster.stores.sql import AsyncSession

MOST_NAMES = 1000


class KnowledgeRepository:
    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID) -> None:
        self._session = session
        self._organisation_id = organisation_id

    async def all(self) -> Sequence[Collection]:
        return (await self._session.scalars(self._own())).all()

    async def called(self, ids: Sequence[uuid.UUID], names: Sequence[str]) -> Sequence[Collection]:
        return (await self._session.scalars(self._own().where(or_(Collection.id.in_(ids), Collection.name.in_(names))))).all()

    async def names(self) -> Sequence[str]:
        """Of the first thousand, to suggest one."""
        own = self._own().with_only_columns(Collection.name).order_by(Collection.name).limit(MOST_NAMES)
        return (await self._session.scalars(own)).all()

    async def paths(self, documents: Sequence[uuid.UUID]) -> dict[uuid.UUID, str]:
        """Of those that are there: neither gone nor about to go, nor is their collection."""
        chosen = (
            select(DocumentRow.id, DocumentRow.path)
            .join(Collection, Collection.id == DocumentRow.collection_id)
            .where(
                DocumentRow.id.in_(documents),
                DocumentRow.organisation_id == self._organisation_id,
                DocumentRow.state != DocumentState.REMOVING.value,
                Collection.is_removing.is_(False),
            )
        )
        return {row[0]: row[1] for row in await self._session.execute(chosen)}

    def _own(self) -> Select[Collection]:
        return select(Collection).where(Collection.organisation_id == self._organisation_id, Collection.is_removing.is_(False))
