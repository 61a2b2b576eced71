"""Connectors, as people use them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import Field

from api.web.schema import Answer, Body, FreeObject
from cluster.connectors.base import Item, Kind

ItemId = Annotated[str, Field(min_length=1, max_length=4096)]
ConnectorName = Annotated[str, Field(min_length=1, max_length=64)]
GivenOptions = Annotated[FreeObject, Field(description="As the connector's schema says; GET /api/v1/connectors.")]


class DiscoverBody(Body):
    options: GivenOptions
    limit: int = Field(100, ge=1, le=10_000, description="Items, at most; connectors.listed bounds it.")


class FetchBody(Body):
    options: GivenOptions
    item: ItemId = Field(description="The `id` of an item that `discover` lists.")


class ValidateBody(Body):
    connector: ConnectorName
    options: GivenOptions


class ProcessBody(Body):
    connector: ConnectorName
    options: GivenOptions
    collection_id: uuid.UUID = Field(strict=False, description="Where the documents go.")
    items: list[ItemId] = Field([], max_length=1000, description="Only these; empty: all there are.")
    limit: int | None = Field(None, ge=1, le=1_000_000, description="Items, at most; connectors.items bounds it.")


class ConnectorEntry(Answer):
    name: str
    description: str
    options: dict[str, Any] = Field(description="JSON schema of its options.")

    @classmethod
    def of(cls, kind: Kind) -> ConnectorEntry:
        return cls(name=kind.name, description=kind.description, options=kind.options.model_json_schema())


class ConnectorList(Answer):
    connectors: list[ConnectorEntry]


class ItemAnswer(Answer):
    id: str
    path: str = Field(description="What its document would be called.")
    title: str
    bytes: int | None
    media_type: str | None
    updated_at: datetime | None
    problem: str | None = Field(description="Why it cannot be brought in.")

    @classmethod
    def of(cls, item: Item) -> ItemAnswer:
        return cls(**{name: getattr(item, name) for name in cls.model_fields})


class Discovered(Answer):
    items: list[ItemAnswer]
    is_complete: bool = Field(description="False: there is more than was looked at.")


class Mistake(Answer):
    param: str | None
    code: str
    message: str


class Validated(Answer):
    valid: bool
    problems: list[Mistake]


class ProcessAnswer(Answer):
    job_id: uuid.UUID = Field(description="GET /api/v1/jobs/{job_id} has its progress, and what could not be brought in.")
