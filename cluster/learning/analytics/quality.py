"""How answers of each task fared over time: by what people said of them, and by what the gate found."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Date, Text, cast, func, literal_column, null, select

from cluster.learning.feedback.signals import BAD_STARS, GOOD_STARS, Signal
from cluster.learning.feedback.table import Feedback
from cluster.stores.sql import AsyncSession

Grouping = Literal["model", "adapter", "prompt"]
Bucket = Literal["day", "week"]
# Of the normal distribution, for 95 %.
Z = 1.959963984540054
# Written out, not as parameters: else PostgreSQL takes what stands in SELECT and in GROUP BY for two expressions.
_UNITS = {unit: literal_column(f"'{unit}'", Text) for unit in ("day", "week")}
_UTC, _AT = literal_column("'UTC'", Text), literal_column("'@'", Text)


@dataclass(frozen=True, slots=True)
class Rate:
    """``hits`` of ``count``: their share, with Wilson's interval at 95 %. scipy's ``binomtest`` has it, and was rejected: the API would
    load all of scipy at its start for three lines."""

    hits: int
    count: int

    @property
    def share(self) -> float | None:
        return self.hits / self.count if self.count else None

    @property
    def interval(self) -> tuple[float, float] | None:
        if not self.count:
            return None
        share, spread = self.hits / self.count, Z**2 / self.count
        middle = (share + spread / 2) / (1 + spread)
        half = Z / (1 + spread) * math.sqrt((share * (1 - share) + spread / 4) / self.count)
        return max(0.0, middle - half), min(1.0, middle + half)


@dataclass(frozen=True, slots=True)
class QualityPoint:
    """Feedback of one bucket. ``approval``: thumbs up and four or five stars among all thumbs and stars but three; ``corrections``: among
    all that people said; ``discarded``: answers regenerated or abandoned among all that people did."""

    begins: date
    given: int
    approval: Rate
    corrections: Rate
    discarded: Rate


@dataclass(frozen=True, slots=True)
class Wanted:
    """``by`` None: everything of a task together. ``most`` points, the latest."""

    since: datetime
    bucket: Bucket
    by: Grouping | None
    task: str | None
    most: int


Series = dict[tuple[str, str | None], list[QualityPoint]]


async def quality(session: AsyncSession, organisation_id: uuid.UUID, wanted: Wanted) -> Series:
    """By task and group, the earliest first."""
    begins = cast(func.date_trunc(_UNITS[wanted.bucket], func.timezone(_UTC, Feedback.created_at)), Date)
    group = _group(wanted.by)
    chosen = select(begins.label("begins"), Feedback.task, group.label("group"), *counts())
    chosen = chosen.where(Feedback.organisation_id == organisation_id, Feedback.created_at >= wanted.since)
    if wanted.task is not None:
        chosen = chosen.where(Feedback.task == wanted.task)
    chosen = chosen.group_by(begins, Feedback.task, group).order_by(begins.desc(), Feedback.task, group).limit(wanted.most)
    return _series((await session.execute(chosen)).mappings())


def counts() -> list[ColumnElement[Any]]:
    """What rows of feedback say, for :func:`rates_of`."""
    thumb, stars = Feedback.signal == Signal.THUMB.value, Feedback.signal == Signal.STARS.value
    good = (thumb & (Feedback.value > 0)) | (stars & (Feedback.value >= GOOD_STARS))
    bad = (thumb & (Feedback.value < 0)) | (stars & (Feedback.value <= BAD_STARS))
    did = Feedback.signal.in_([signal.value for signal in (Signal.REGENERATE, Signal.COPY, Signal.EDIT, Signal.ABANDON)])
    discarded = Feedback.signal.in_([signal.value for signal in (Signal.REGENERATE, Signal.ABANDON)])
    return [
        func.count().label("given"),
        func.count().filter(good).label("good"),
        func.count().filter(good | bad).label("rated"),
        func.count().filter(Feedback.signal == Signal.CORRECTION.value).label("corrections"),
        func.count().filter(~did).label("said"),
        func.count().filter(discarded).label("discarded"),
        func.count().filter(did).label("did"),
    ]


def rates_of(row: Any) -> dict[str, Rate]:
    """By name: approval, corrections, discarded."""
    return {
        "approval": Rate(row["good"], row["rated"]),
        "corrections": Rate(row["corrections"], row["said"]),
        "discarded": Rate(row["discarded"], row["did"]),
    }


def _series(rows: Iterable[Any]) -> Series:
    found: Series = {}
    for row in rows:
        found.setdefault((row["task"], row["group"]), []).insert(0, QualityPoint(row["begins"], row["given"], **rates_of(row)))
    return dict(sorted(found.items(), key=lambda pair: (pair[0][0], pair[0][1] or "")))


def _group(by: Grouping | None) -> ColumnElement[Any]:
    if by is None:
        return cast(null(), Text)
    if by == "prompt":
        # Null, and so the whole, where there is no prompt.
        return Feedback.prompt + _AT + cast(Feedback.prompt_version, Text)
    column: ColumnElement[Any] = getattr(Feedback, by).expression
    return column
