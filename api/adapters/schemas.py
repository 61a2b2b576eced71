"""Adapters as people see them."""

from __future__ import annotations

import uuid
from datetime import date, datetime
from typing import Annotated

from pydantic import Field

from api.usage.repository import Sum
from api.usage.schemas import UsageAmounts
from api.web.schema import Answer, Body, FormBody, FreeObject, ModelId
from cluster.learning.adapters.names import NAME, versioned
from cluster.learning.adapters.table import Adapter, AdapterRoute, AdapterState
from cluster.learning.releases.turning import is_turned

Name = Annotated[str, Field(pattern=NAME, max_length=63)]
Base = Annotated[str, Field(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f]*$")]


class AdapterForm(FormBody):
    base: Base = Field(description="The model that it changes.")
    name: Name = Field(description="`<base>:<name>` asks it. A name that is there already gets the next version.")
    lineage: str = Field("{}", max_length=100_000, description="What it was made of, as a JSON object: data, parameters, metrics.")


class AdapterQuery(FormBody):
    base: Base | None = None
    name: Name | None = None
    state: AdapterState | None = None
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=200)


class StatisticsQuery(FormBody):
    days: int = Field(30, ge=1, le=366, description="Days (UTC), today included.")


class PromoteBody(Body):
    force: bool = Field(False, description="Without a gate that it passed; admins only.")


class CanaryBody(Body):
    percent: float = Field(ge=0, le=100, description="Share of those who ask for the base; 0 ends it.")


class RollBackBody(Body):
    base: ModelId = Field(description="The model that shall mean again what it meant before.")


class AdapterEntry(Answer):
    id: uuid.UUID
    model: str = Field(description="What to ask for: `<base>:<name>@<version>`; without the version the one in service, or the newest.")
    base: str
    name: str
    version: int
    state: AdapterState
    rank: int
    targets: list[str] = Field(description="The layers that it changes.")
    bytes: int
    sha256: str
    lineage: FreeObject
    marked: str | None = Field(description="Why it should be trained anew, such as the erasure of somebody whose words it learned.")
    owner_id: uuid.UUID | None
    approver_id: uuid.UUID | None = Field(description="Who put it into service.")
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Adapter) -> AdapterEntry:
        return cls(
            id=row.id,
            model=f"{row.base}:{versioned(row.name, row.version)}",
            base=row.base,
            name=row.name,
            version=row.version,
            state=AdapterState(row.state),
            rank=row.rank,
            targets=row.targets,
            bytes=row.bytes,
            sha256=row.sha256,
            lineage=row.lineage,
            marked=row.marked,
            owner_id=row.owner_id,
            approver_id=row.approver_id,
            created_at=row.created_at,
            updated_at=row.updated_at,
        )


class AdapterPage(Answer):
    """Newest first."""

    adapters: list[AdapterEntry]
    next_cursor: str | None = Field(description="Send it as `cursor` for the next page; null on the last.")


class RouteEntry(Answer):
    """What `base` stands for in your organisation; `<base>:base` is always the model itself."""

    base: str
    default_id: uuid.UUID | None = Field(description="The adapter that answers; null: the model itself.")
    release_id: uuid.UUID | None = Field(description="The release in whose way it answers; null: none.")
    canary_id: uuid.UUID | None = Field(description="The adapter that is tried on a share of those who ask.")
    canary_release_id: uuid.UUID | None = Field(description="The release that is tried on them.")
    percent: float
    shadow_release_id: uuid.UUID | None = Field(description="The release that is also asked, unseen.")
    shadow_percent: float = Field(description="Share of requests that are also put to it.")
    can_roll_back: bool
    updated_at: datetime | None

    @classmethod
    def of(cls, row: AdapterRoute) -> RouteEntry:
        return cls(
            base=row.base,
            default_id=row.default_id,
            release_id=row.release_id,
            canary_id=row.canary_id,
            canary_release_id=row.canary_release_id,
            percent=row.percent,
            shadow_release_id=row.shadow_release_id,
            shadow_percent=row.shadow_percent,
            can_roll_back=is_turned(row),
            updated_at=row.updated_at,
        )


class RouteList(Answer):
    routes: list[RouteEntry]


class AdapterDay(UsageAmounts):
    day: date

    @classmethod
    def of_day(cls, found: Sum) -> AdapterDay:
        assert isinstance(found.group, date)
        return cls(day=found.group, **UsageAmounts.of(found).model_dump())


class AdapterStatistics(Answer):
    """What it answered, by day, the newest first. Counts are some seconds old."""

    model: str
    days: list[AdapterDay]
    total: UsageAmounts
    base_total: UsageAmounts = Field(description="What the base answered without an adapter in the same days.")


class AdapterDeleted(Answer):
    id: uuid.UUID
    deleted: bool = True
