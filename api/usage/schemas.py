"""Usage as people see it."""

from __future__ import annotations

import uuid
from datetime import UTC, date, datetime, timedelta
from typing import Self

from pydantic import Field, model_validator

from api.audit.schemas import PRINTED
from api.usage.repository import Grouping, Sum
from api.web.schema import Answer, FormBody

SPAN = timedelta(days=30)


class UsageFilter(FormBody):
    from_: date | None = Field(None, alias="from", description="First day (UTC); by default 30 days before the last.")
    to: date | None = Field(None, description="Last day, included; by default today.")
    user_id: uuid.UUID | None = Field(None, description="One user; only admins may name others.")
    key_id: uuid.UUID | None = Field(None, description="One API key.")
    model: str | None = Field(None, min_length=1, max_length=300, pattern=PRINTED, description="One model, by the id that answered.")

    @model_validator(mode="after")
    def _forwards(self) -> Self:
        if self.from_ is not None and self.from_ > self.last:
            raise ValueError("'from' must not be after 'to'")
        return self

    @property
    def last(self) -> date:
        return self.to or datetime.now(UTC).date()

    @property
    def first(self) -> date:
        return self.from_ or date.fromordinal(max(1, self.last.toordinal() - SPAN.days))


class UsageQuery(UsageFilter):
    group_by: Grouping = Field("day", description="What is added up.")
    limit: int = Field(1000, ge=1, le=10_000, description="Groups in the answer: the newest days, or the dearest of the others.")


class UsageAmounts(Answer):
    requests: int
    input_tokens: int = Field(description="Cached ones included.")
    output_tokens: int
    cached_tokens: int
    estimated: int = Field(description="Requests whose tokens are estimated, because a provider did not say.")
    audio_seconds: float
    images: int
    cost: float

    @classmethod
    def of(cls, found: Sum) -> UsageAmounts:
        told = dict(found.amounts)
        return cls(audio_seconds=int(told.pop("audio_ms")) / 1000, cost=float(told.pop("cost")), **{k: int(v) for k, v in told.items()})


class UsageGroup(UsageAmounts):
    group: date | uuid.UUID | str | None = Field(
        description="The day, the model's id, or the id of the user or key; null: people who were signed in, without a key."
    )

    @classmethod
    def of_group(cls, found: Sum) -> UsageGroup:
        return cls(group=found.group, **UsageAmounts.of(found).model_dump())


class UsageReport(Answer):
    first_day: date
    last_day: date
    group_by: Grouping
    currency: str = Field(description="Of every cost.")
    groups: list[UsageGroup]
    total: UsageAmounts = Field(description="Of everything that the filters find, groups that are not shown included.")
