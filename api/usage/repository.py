"""Usage in the database."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Literal, TypeVar

from sqlalchemy import ColumnElement, Select, delete, func, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from api.limits.subjects import Subject, SubjectKind
from api.usage.tables import UsageBatch, UsageDay
from cluster.stores.sql import AsyncSession

COUNTS = ("requests", "input_tokens", "output_tokens", "cached_tokens", "estimated", "audio_ms", "images", "cost")
# A batch that is not in Redis after so long is in nobody's hands any more.
BATCHES_KEPT = timedelta(days=7)
Grouping = Literal["day", "model", "user", "key"]
SelectT = TypeVar("SelectT", bound=Select[Any])
_GROUPS: dict[Grouping, InstrumentedAttribute[Any]] = {
    "day": UsageDay.day,
    "model": UsageDay.model,
    "user": UsageDay.user_id,
    "key": UsageDay.key_id,
}
_PLACE = {SubjectKind.ORGANISATION: UsageDay.organisation_id, SubjectKind.USER: UsageDay.user_id, SubjectKind.KEY: UsageDay.key_id}


@dataclass(frozen=True, slots=True)
class Account:
    """What one row adds up."""

    day: date
    organisation_id: uuid.UUID
    user_id: uuid.UUID
    key_id: uuid.UUID | None
    model: str


Amounts = Mapping[str, int | Decimal]


@dataclass(frozen=True, slots=True)
class Filter:
    """What is asked for, both days included; None: any."""

    organisation_id: uuid.UUID
    first: date
    last: date
    user_id: uuid.UUID | None = None
    key_id: uuid.UUID | None = None
    model: str | None = None


@dataclass(frozen=True, slots=True)
class Spent:
    tokens: int
    cost: Decimal


@dataclass(frozen=True, slots=True)
class Sum:
    """``group``: the day, model, user or key; None for a person who was signed in, and for the sum of everything."""

    group: date | str | uuid.UUID | None
    amounts: dict[str, int | Decimal] = field(default_factory=dict)


class UsageDays:
    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def begin(self, batch: uuid.UUID) -> bool:
        """False: this batch has been added already. Whoever adds it at this moment is waited for."""
        told = insert(UsageBatch).values(id=batch).on_conflict_do_nothing().returning(UsageBatch.id)
        return await self._session.scalar(told) is not None

    async def add(self, amounts: Mapping[Account, Amounts]) -> None:
        """In one order everywhere, so that two who add the same rows wait for each other instead of locking each other out."""
        rows = [
            {
                "day": account.day,
                "organisation_id": account.organisation_id,
                "user_id": account.user_id,
                "key_id": account.key_id,
                "model": account.model,
                **{name: used.get(name, 0) for name in COUNTS},
            }
            for account, used in sorted(amounts.items(), key=lambda item: str(item[0]))
        ]
        told = insert(UsageDay)
        sums = {name: UsageDay.__table__.c[name] + told.excluded[name] for name in COUNTS}
        await self._session.execute(told.on_conflict_do_update(constraint="uq_usage_days_organisation_id", set_=sums), rows)

    async def forget_batches(self) -> None:
        await self._session.execute(delete(UsageBatch).where(UsageBatch.added_at < func.now() - BATCHES_KEPT))

    async def spent(self, subject: Subject, day: date, month: date) -> Spent:
        """Tokens of ``day``, and cost since ``month``."""
        tokens = func.sum(UsageDay.input_tokens + UsageDay.output_tokens).filter(UsageDay.day == day)
        chosen = select(func.coalesce(tokens, 0), func.coalesce(func.sum(UsageDay.cost), 0)).where(
            UsageDay.organisation_id == subject.organisation_id, _PLACE[subject.kind] == subject.id, UsageDay.day >= month
        )
        row = (await self._session.execute(chosen)).one()
        return Spent(int(row[0]), Decimal(row[1]))

    async def sums(self, wanted: Filter, group: Grouping, most: int) -> list[Sum]:
        """By day the newest first, else the dearest first."""
        column = _GROUPS[group]
        order = [column.desc()] if group == "day" else [func.sum(UsageDay.cost).desc(), func.sum(UsageDay.requests).desc(), column]
        chosen = _chosen(select(column, *_totals()), wanted).group_by(column).order_by(*order).limit(most)
        return [Sum(row[0], _amounts(row[1:])) for row in (await self._session.execute(chosen)).all()]

    async def total(self, wanted: Filter) -> Sum:
        row = (await self._session.execute(_chosen(select(*_totals()), wanted))).one()
        return Sum(None, _amounts(row))

    async def page(self, wanted: Filter, after: int, most: int) -> Sequence[UsageDay]:
        """Rows as they are, in the order they were begun."""
        chosen = _chosen(select(UsageDay), wanted).where(UsageDay.id > after).order_by(UsageDay.id).limit(most)
        return (await self._session.scalars(chosen)).all()


def _totals() -> list[ColumnElement[Any]]:
    return [func.coalesce(func.sum(UsageDay.__table__.c[name]), 0) for name in COUNTS]


def _amounts(row: Sequence[object]) -> dict[str, int | Decimal]:
    return {name: Decimal(str(value)) if name == "cost" else int(str(value)) for name, value in zip(COUNTS, row, strict=True)}


def _chosen(statement: SelectT, wanted: Filter) -> SelectT:
    chosen = statement.where(UsageDay.organisation_id == wanted.organisation_id, UsageDay.day.between(wanted.first, wanted.last))
    if wanted.user_id is not None:
        chosen = chosen.where(UsageDay.user_id == wanted.user_id)
    if wanted.key_id is not None:
        chosen = chosen.where(UsageDay.key_id == wanted.key_id)
    if wanted.model is not None:
        chosen = chosen.where(UsageDay.model == wanted.model)
    return chosen
