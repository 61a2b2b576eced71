"""The SQL of statistics of feedback."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Date, Text, case, cast, func, literal_column, null, select

from api.feedback.schemas import Bucket, Grouping, StatsQuery
from cluster.learning.feedback.signals import BAD_STARS, GOOD_STARS, Signal
from cluster.learning.feedback.table import Feedback
from cluster.stores.sql import AsyncSession

MOST_REASONS = 50
# Written out, not as parameters: else PostgreSQL takes what stands in SELECT and in GROUP BY for two expressions.
_DAY, _WEEK, _UTC, _AT = (literal_column(f"'{word}'", Text) for word in ("day", "week", "UTC", "@"))
_COUNTED = {
    "corrections": Signal.CORRECTION,
    "preferences": Signal.PREFERENCE,
    "remarks": Signal.REMARK,
    "regenerated": Signal.REGENERATE,
    "copied": Signal.COPY,
    "edited": Signal.EDIT,
    "abandoned": Signal.ABANDON,
}


class StatsRows:
    """Of one organisation, since a moment, as far as the query wants."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID, since: datetime, wanted: StatsQuery) -> None:
        self._session = session
        self._wanted = wanted
        named = [getattr(Feedback, name) == value for name, value in wanted.values().items()]
        self._which = (Feedback.organisation_id == organisation_id, Feedback.created_at >= since, *named)

    async def totals(self, most: int) -> list[dict[str, Any]]:
        """By group, the most first."""
        group = _group(self._wanted.by)
        query = select(group.label("group"), *_counts()).where(*self._which).group_by(group)
        rows = await self._session.execute(query.order_by(func.count().desc(), group).limit(most))
        return [dict(row) for row in rows.mappings()]

    async def buckets(self, most: int) -> list[dict[str, Any]]:
        """By time and group, the latest first."""
        group, begins = _group(self._wanted.by), _begins(self._wanted.bucket)
        query = select(begins.label("begins"), group.label("group"), *_counts()).where(*self._which).group_by(begins, group)
        rows = await self._session.execute(query.order_by(begins.desc(), func.count().desc(), group).limit(most))
        return [dict(row) for row in rows.mappings()]

    async def reasons(self) -> Sequence[tuple[str, int]]:
        """The most frequent first."""
        named = func.jsonb_array_elements_text(Feedback.reasons).table_valued("value", joins_implicitly=True)
        reason = named.c.value
        query = select(reason, func.count()).select_from(Feedback).where(*self._which).group_by(reason)
        rows = await self._session.execute(query.order_by(func.count().desc(), reason).limit(MOST_REASONS))
        return [(row[0], row[1]) for row in rows]


def _group(by: Grouping | None) -> ColumnElement[Any]:
    if by is None:
        return cast(null(), Text)
    if by == "prompt":
        # Null, and so the whole, where there is no prompt.
        return Feedback.prompt + _AT + cast(Feedback.prompt_version, Text)
    if by == "target":
        return Feedback.target_kind.expression
    column: ColumnElement[Any] = getattr(Feedback, by).expression
    return column


def _begins(bucket: Bucket) -> ColumnElement[Any]:
    unit = {"day": _DAY, "week": _WEEK}[bucket]
    return cast(func.date_trunc(unit, func.timezone(_UTC, Feedback.created_at)), Date)


def _counts() -> list[ColumnElement[Any]]:
    thumb, stars = Feedback.signal == Signal.THUMB.value, Feedback.signal == Signal.STARS.value
    up, down = thumb & (Feedback.value > 0), thumb & (Feedback.value < 0)
    good, bad = up | (stars & (Feedback.value >= GOOD_STARS)), down | (stars & (Feedback.value <= BAD_STARS))
    rated = func.count().filter(good | bad)
    return [
        func.count().label("given"),
        func.count(Feedback.owner_id.distinct()).label("people"),
        func.count().filter(up).label("up"),
        func.count().filter(down).label("down"),
        func.count().filter(stars).label("stars"),
        func.avg(Feedback.value).filter(stars).label("mean_stars"),
        *(func.count().filter(Feedback.signal == signal.value).label(name) for name, signal in _COUNTED.items()),
        case((rated > 0, func.count().filter(good) * 1.0 / func.nullif(rated, 0))).label("approval"),
    ]
