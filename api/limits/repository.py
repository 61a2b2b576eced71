"""Limits in the database."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from decimal import Decimal

from sqlalchemy import delete, func, select, tuple_
from sqlalchemy.dialects.postgresql import insert

from api.limits.subjects import Subject
from api.limits.tables import LimitOverride
from cluster.stores.sql import AsyncSession

Values = Mapping[str, int | Decimal | None]


class LimitOverrides:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def of(self, subjects: Sequence[Subject]) -> dict[Subject, LimitOverride]:
        """Those that there are."""
        wanted = {(subject.organisation_id, subject.kind.value, subject.id): subject for subject in subjects}
        place = tuple_(LimitOverride.organisation_id, LimitOverride.kind, LimitOverride.subject_id)
        rows = await self._session.scalars(select(LimitOverride).where(place.in_(list(wanted))))
        return {wanted[row.organisation_id, row.kind, row.subject_id]: row for row in rows}

    async def in_organisation(self, organisation_id: uuid.UUID) -> Sequence[LimitOverride]:
        chosen = (
            select(LimitOverride)
            .where(LimitOverride.organisation_id == organisation_id)
            .order_by(LimitOverride.kind, LimitOverride.subject_id)
        )
        return (await self._session.scalars(chosen)).all()

    async def put(self, subject: Subject, values: Values) -> None:
        place = {"organisation_id": subject.organisation_id, "kind": subject.kind.value, "subject_id": subject.id}
        told = insert(LimitOverride).values(**place, **values)
        await self._session.execute(told.on_conflict_do_update(index_elements=list(place), set_={**values, "updated_at": func.now()}))

    async def remove(self, subject: Subject) -> None:
        await self._session.execute(
            delete(LimitOverride)
            .where(LimitOverride.organisation_id == subject.organisation_id)
            .where(LimitOverride.kind == subject.kind.value, LimitOverride.subject_id == subject.id)
        )
