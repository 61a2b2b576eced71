"""Limits as people see and set them."""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Annotated, Self

from pydantic import Field, model_validator

from api.limits.quotas import BILLION, Quota
from api.limits.standing import Standing, Verdict
from api.limits.subjects import SubjectKind
from api.limits.tables import LimitOverride
from api.web.schema import Answer, Body

MOST = 2**31 - 1
Count = Annotated[int, Field(ge=0, le=MOST)]


class LimitBody(Body):
    """A limit that is left out, or null, is that of the settings; 0 is no limit."""

    requests_per_minute: Count | None = Field(None, description="Requests in any minute.")
    tokens_per_day: Annotated[int, Field(ge=0, le=2**53 - 1)] | None = Field(None, description="Tokens in a day (UTC), in and out.")
    concurrent: Count | None = Field(None, description="Requests to models open at once, streams included.")
    budget_per_month: Annotated[float, Field(ge=0, le=1_000_000)] | None = Field(
        None, description="Cost in a month (UTC), in the currency of the prices."
    )

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if all(value is None for value in self.values.values()):
            raise ValueError("name at least one limit; DELETE returns to the settings")
        return self

    @property
    def values(self) -> dict[str, int | Decimal | None]:
        budget = None if self.budget_per_month is None else Decimal(str(self.budget_per_month))
        return {
            "requests_per_minute": self.requests_per_minute,
            "tokens_per_day": self.tokens_per_day,
            "concurrent": self.concurrent,
            "budget_per_month": budget,
        }


class LimitValues(Answer):
    """null: none."""

    requests_per_minute: int | None
    tokens_per_day: int | None
    concurrent: int | None
    budget_per_month: float | None

    @classmethod
    def of(cls, quota: Quota) -> LimitValues:
        return cls(
            requests_per_minute=quota.requests_per_minute or None,
            tokens_per_day=quota.tokens_per_day or None,
            concurrent=quota.concurrent or None,
            budget_per_month=float(quota.budget_per_month) or None,
        )

    @classmethod
    def written(cls, row: LimitOverride) -> LimitValues:
        return cls(
            requests_per_minute=row.requests_per_minute,
            tokens_per_day=row.tokens_per_day,
            concurrent=row.concurrent,
            budget_per_month=None if row.budget_per_month is None else float(row.budget_per_month),
        )


class UsedValues(Answer):
    tokens_today: int
    cost_this_month: float
    open: int = Field(description="Requests to models open now.")


class LeftValues(Answer):
    """null: as much as you like."""

    requests: int | None = Field(description="Requests that would be taken now.")
    tokens: int | None
    concurrent: int | None
    budget: float | None


class LimitEntry(Answer):
    kind: SubjectKind
    id: uuid.UUID
    limits: LimitValues
    used: UsedValues
    left: LeftValues

    @classmethod
    def of(cls, standing: Standing) -> LimitEntry:
        quota = standing.quota
        budget_left = max(0, quota.budget_nano - standing.cost_nano) / BILLION
        return cls(
            kind=standing.subject.kind,
            id=standing.subject.id,
            limits=LimitValues.of(quota),
            used=UsedValues(tokens_today=standing.tokens, cost_this_month=standing.cost_nano / BILLION, open=standing.open),
            left=LeftValues(
                requests=standing.requests_left if quota.requests_per_minute else None,
                tokens=standing.tokens_left if quota.tokens_per_day else None,
                concurrent=max(0, quota.concurrent - standing.open) if quota.concurrent else None,
                budget=budget_left if quota.budget_per_month else None,
            ),
        )


class LimitsAnswer(Answer):
    """All of ``subjects`` hold, the tightest first to be felt."""

    subjects: list[LimitEntry] = Field(description="Your key, you, and your organisation.")
    day_ends_at: datetime = Field(description="When tokens start anew.")
    month_ends_at: datetime = Field(description="When budgets start anew.")

    @classmethod
    def of(cls, verdict: Verdict) -> LimitsAnswer:
        return cls(
            subjects=[LimitEntry.of(standing) for standing in verdict.standings],
            day_ends_at=verdict.resets("tokens"),
            month_ends_at=verdict.resets("budget"),
        )


class OverrideEntry(Answer):
    kind: SubjectKind
    id: uuid.UUID
    limits: LimitValues = Field(description="What was set; null: that of the settings. Here 0 is no limit.")
    updated_at: datetime

    @classmethod
    def of(cls, row: LimitOverride) -> OverrideEntry:
        return cls(kind=SubjectKind(row.kind), id=row.subject_id, limits=LimitValues.written(row), updated_at=row.updated_at)
