"""Webhooks, their deliveries, and hooks that others call, as people see them."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Annotated, Any

from pydantic import AfterValidator, Field

from api.web.schema import Answer, Body, FormBody
from cluster.specs.loader import nearest
from cluster.webhooks.events import EVENT_TYPES, UNASKED
from cluster.webhooks.tables import Hook, Webhook, WebhookDelivery

ASKED_FOR = sorted(set(EVENT_TYPES) - UNASKED)
FAMILIES = sorted({f"{name.partition('.')[0]}.*" for name in ASKED_FOR})


def _known(names: list[str]) -> list[str]:
    choices = [*ASKED_FOR, *FAMILIES, "*"]
    for name in names:
        if name not in choices:
            hint = nearest(name, choices)
            raise ValueError(
                f"there is no event '{name[:64]}'" + (f"; did you mean '{hint}'?" if hint else f"; there are {', '.join(choices)}")
            )
    return sorted(set(names))


Url = Annotated[str, Field(min_length=1, max_length=4096, description="Where events are sent, by POST. Public, or in outgoing.allowed.")]
Events = Annotated[
    list[Annotated[str, Field(min_length=1, max_length=64)]],
    AfterValidator(_known),
    Field(min_length=1, max_length=50, description="Names of events, `run.*` for all of a kind, or `*` for all."),
]
Description = Annotated[str, Field(max_length=500)]


class SubscribeBody(Body):
    url: Url
    events: Events
    description: Description = ""


class WebhookPatch(Body):
    """What is given is changed."""

    url: Url | None = None
    events: Events | None = None
    description: Description | None = None
    enabled: bool | None = Field(None, description="True: it is tried again, as if nothing had failed.")


class DeliveryQuery(FormBody):
    cursor: str | None = Field(None, max_length=200, description="`next_cursor` of the page before.")
    limit: int = Field(50, ge=1, le=500, description="Deliveries on a page.")


class WebhookAnswer(Answer):
    id: uuid.UUID
    url: str
    events: list[str]
    description: str
    enabled: bool
    disabled_at: datetime | None
    disabled_reason: str | None = Field(description="Why Hearth disabled it.")
    failures: int = Field(description="Deliveries that failed since the last that did not.")
    delivered_at: datetime | None = Field(description="When something arrived last.")
    owner_id: uuid.UUID | None
    created_at: datetime
    updated_at: datetime

    @classmethod
    def of(cls, row: Webhook) -> WebhookAnswer:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class Subscribed(Answer):
    webhook: WebhookAnswer
    secret: str = Field(description="What deliveries are signed with; it is shown this once.")


class WebhookList(Answer):
    webhooks: list[WebhookAnswer]


class EventType(Answer):
    type: str
    description: str


class EventList(Answer):
    events: list[EventType]


class Tested(Answer):
    message_id: uuid.UUID = Field(description="The `webhook-id` of what is sent; .../deliveries has what came of it.")


class DeliveryAnswer(Answer):
    """One attempt. `status`: of the answer; null where none came."""

    id: uuid.UUID
    message_id: uuid.UUID
    event: str
    attempt: int
    status: int | None
    ms: int
    error: str | None
    created_at: datetime

    @classmethod
    def of(cls, row: WebhookDelivery) -> DeliveryAnswer:
        return cls(**{name: getattr(row, name) for name in cls.model_fields})


class HookBody(Body):
    workflow: str = Field(min_length=1, max_length=100, description="Name of the graph that is run, or `name@version`.")
    description: Description = ""
    calls_per_minute: int | None = Field(None, ge=1, le=100_000, description="At most so many; webhooks.calls_per_minute bounds it.")


class HookAnswer(Answer):
    id: uuid.UUID
    path: str = Field(description="Where it is called, by POST, with a JSON object: the input of the workflow.")
    workflow: str
    description: str
    role: str = Field(description="As which tools of the workflow are called, at most; its owner's present role bounds it.")
    calls_per_minute: int
    called_at: datetime | None
    owner_id: uuid.UUID
    created_at: datetime

    @classmethod
    def of(cls, row: Hook) -> HookAnswer:
        taken: dict[str, Any] = {name: getattr(row, name) for name in cls.model_fields if name != "path"}
        return cls(**taken, path=f"/api/v1/integration/hooks/{row.id}")


class HookMade(Answer):
    hook: HookAnswer
    secret: str = Field(description="What calls are signed with; it is shown this once.")


class HookList(Answer):
    hooks: list[HookAnswer]


class HookCalled(Answer):
    message_id: uuid.UUID = Field(description="Of the message that runs the workflow; the same for a call that is repeated.")
