"""The SQL of the journal, as people read it: every read names the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, func, select, tuple_

from cluster.errors import NotFound
from cluster.outgoing.tables import OutgoingRequest
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: any."""

    host: str | None = None
    method: str | None = None
    status: int | None = None
    error: str | None = None
    purpose: str | None = None
    since: datetime | None = None
    until: datetime | None = None

    def conditions(self) -> list[ColumnElement[bool]]:
        row = OutgoingRequest
        equal = {row.host: self.host, row.method: self.method, row.status: self.status, row.error: self.error, row.purpose: self.purpose}
        found: list[ColumnElement[bool]] = [column == value for column, value in equal.items() if value is not None]
        found += [row.created_at >= self.since] if self.since is not None else []
        return found + ([row.created_at < self.until] if self.until is not None else [])


@dataclass(frozen=True, slots=True)
class HostTotals:
    """Times in milliseconds; None: nothing was finished."""

    host: str
    requests: int
    failed: int
    refused: int
    bytes: int
    p50_ms: float | None
    p95_ms: float | None


class OutgoingRequests:
    """``user_id``: whose requests are seen; None: everybody's in the organisation."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID, user_id: uuid.UUID | None) -> None:
        self._session = session
        own = OutgoingRequest.user_id == user_id
        self._seen = [OutgoingRequest.organisation_id == organisation_id, *([own] if user_id is not None else [])]

    async def get(self, request_id: uuid.UUID) -> OutgoingRequest:
        """Raises NotFound, also for one that may not be seen."""
        row = await self._session.scalar(select(OutgoingRequest).where(OutgoingRequest.id == request_id, *self._seen))
        if row is None:
            raise NotFound(f"No request '{request_id}' is written down; GET /api/v1/http/requests lists those that are.")
        return row

    async def page(self, wanted: Wanted, before: tuple[datetime, uuid.UUID] | None, most: int) -> Sequence[OutgoingRequest]:
        """The newest first."""
        row = OutgoingRequest
        chosen = select(row).where(*self._seen, *wanted.conditions()).order_by(row.created_at.desc(), row.id.desc()).limit(most)
        if before is not None:
            chosen = chosen.where(tuple_(row.created_at, row.id) < before)
        return (await self._session.scalars(chosen)).all()

    async def totals(self, since: datetime, most: int) -> list[HostTotals]:
        """By host, the busiest first."""
        row = OutgoingRequest
        chosen = (
            select(
                row.host,
                func.count(),
                func.count().filter((row.error.is_not(None) & (row.error != "address_refused")) | (row.status >= 400)),
                func.count().filter(row.error == "address_refused"),
                func.coalesce(func.sum(row.bytes), 0),
                func.percentile_cont(0.5).within_group(row.ms),
                func.percentile_cont(0.95).within_group(row.ms),
            )
            .where(*self._seen, row.created_at >= since)
            .group_by(row.host)
            .order_by(func.count().desc(), row.host)
            .limit(most)
        )
        rows = (await self._session.execute(chosen)).all()
        return [HostTotals(host, count, failed, refused, int(size), p50, p95) for host, count, failed, refused, size, p50, p95 in rows]
