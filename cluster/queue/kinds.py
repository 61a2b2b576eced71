"""What a message may ask for: nothing else is taken, and nothing is run that stands in a payload."""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, JsonValue

WORKFLOW, INGEST, WEBHOOK = "workflow", "ingest", "webhook"
EVENT_TYPE = r"^[a-z][a-z0-9_]*(\.[a-z0-9_]+){0,4}$"


class Payload(BaseModel):
    """Base of payloads: unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WorkflowPayload(Payload):
    """Runs a workflow."""

    workflow: str = Field(min_length=1, max_length=100, description="Name of a graph, or `name@version`.")
    input: dict[str, JsonValue] = Field(default_factory=dict, description="As the graph's schema of its input says.")
    model: str | None = Field(None, min_length=1, max_length=200, description="In place of the models of nodes that name none.")


class IngestPayload(Payload):
    """Brings what is new or changed at a source into a collection, by a job."""

    connector: str = Field(min_length=1, max_length=64)
    options: dict[str, JsonValue] = Field(description="As the connector's schema says; GET /api/v1/connectors.")
    collection_id: uuid.UUID = Field(description="Where the documents go.")
    items: list[Annotated[str, Field(min_length=1, max_length=4096)]] = Field([], max_length=1000, description="Only these; empty: all.")
    limit: int | None = Field(None, ge=1, le=1_000_000, description="Items, at most; connectors.items bounds it.")


class WebhookPayload(Payload):
    """Tells one webhook of something, signed as its events are."""

    webhook_id: uuid.UUID
    type: str = Field(max_length=64, pattern=EVENT_TYPE, description="What happened, such as `order.paid`.")
    data: dict[str, JsonValue] = Field(default_factory=dict)
    timestamp: str | None = Field(None, max_length=64, description="When it happened; null: when it was handed in.")


PAYLOADS: Mapping[str, type[Payload]] = {WORKFLOW: WorkflowPayload, INGEST: IngestPayload, WEBHOOK: WebhookPayload}
