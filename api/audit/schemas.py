"""The audit log as people see it."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any, Literal

from pydantic import AwareDatetime, Field

from api.audit.tables import AuditEvent
from api.web.schema import Answer, FormBody

# No control characters: PostgreSQL takes no NUL, and the others are nobody's action or target.
PRINTED = r"^[^\x00-\x1f]*$"


class AuditFilter(FormBody):
    action: str | None = Field(
        None, max_length=100, pattern=PRINTED, description="An action, or a family of them: `key` finds `key.created`."
    )
    actor_id: uuid.UUID | None = Field(None, description="Who did it.")
    target: str | None = Field(None, max_length=300, pattern=PRINTED, description="The row it was done to, such as `key:<id>`.")
    since: AwareDatetime | None = Field(None, description="Not before this time.")
    until: AwareDatetime | None = Field(None, description="Before this time.")


class AuditQuery(AuditFilter):
    cursor: int | None = Field(None, ge=1, le=2**63 - 1, description="`next_cursor` of the page before.")
    limit: int = Field(100, ge=1, le=500, description="Events on a page.")


class AuditExportQuery(AuditFilter):
    format: Literal["csv", "jsonl"] = Field("jsonl", description="Comma-separated values, or one JSON object a line.")


class AuditEntry(Answer):
    id: int
    time: datetime
    action: str
    target: str | None = Field(description="The row, as `<noun>:<id>`.")
    actor_id: uuid.UUID | None = Field(description="The user.")
    key_id: uuid.UUID | None = Field(description="The API key they used, if one.")
    address: str | None
    request_id: str | None
    detail: dict[str, Any]

    @classmethod
    def of(cls, event: AuditEvent) -> AuditEntry:
        return cls(
            id=event.id,
            time=event.created_at,
            action=event.action,
            target=event.target,
            actor_id=event.actor_id,
            key_id=event.key_id,
            address=event.address,
            request_id=event.request_id,
            detail=event.detail,
        )


class AuditPage(Answer):
    """Newest first."""

    events: list[AuditEntry]
    next_cursor: int | None = Field(description="Send it as `cursor` for the next page; null on the last.")
