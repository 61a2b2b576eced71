"""Where a page of a list ends. Opaque to callers; nothing secret is in it."""

from __future__ import annotations

import base64
import uuid
from datetime import UTC, datetime

from cluster.errors import BadInput

Position = tuple[datetime, uuid.UUID]


def cursor_of(at: datetime, row_id: uuid.UUID) -> str:
    return base64.urlsafe_b64encode(f"{at.isoformat()}|{row_id}".encode()).decode()


def position_of(cursor: str | None) -> Position | None:
    """Raises BadInput for what :func:`cursor_of` did not make."""
    if cursor is None:
        return None
    try:
        at, _, row_id = base64.urlsafe_b64decode(cursor.encode("ascii", "strict")).decode().partition("|")
        return datetime.fromisoformat(at).astimezone(UTC), uuid.UUID(row_id)
    except (ValueError, OverflowError):
        raise BadInput("'cursor' is not one that a list gave; leave it out to begin at the first page.").about("cursor") from None
