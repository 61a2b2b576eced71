"""Reading the audit log of an organisation."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator

from api.audit.repository import AuditEvents, Filter
from api.audit.schemas import AuditEntry, AuditFilter, AuditPage
from api.web.spreadsheet import csv_text
from cluster.stores.sql import Database

EXPORT_PAGE = 500
COLUMNS = ("id", "time", "action", "target", "actor_id", "key_id", "address", "request_id", "detail")


class Audit:
    """Opens a transaction for each page, so that an export of any length holds none for long."""

    def __init__(self, database: Database, organisation_id: uuid.UUID) -> None:
        self._database = database
        self._organisation_id = organisation_id

    async def page(self, wanted: AuditFilter, cursor: int | None, limit: int) -> AuditPage:
        async with self._database.session() as session:
            found = await AuditEvents(session).page(self._organisation_id, _filter(wanted), cursor, limit + 1)
        events = [AuditEntry.of(event) for event in found[:limit]]
        return AuditPage(events=events, next_cursor=events[-1].id if len(found) > limit else None)

    async def lines(self, wanted: AuditFilter) -> AsyncIterator[str]:
        """All of it as JSON lines, newest first."""
        async for page in self._pages(wanted):
            yield "".join(entry.model_dump_json() + "\n" for entry in page)

    async def table(self, wanted: AuditFilter) -> AsyncIterator[str]:
        """All of it as CSV with a head, newest first."""
        yield csv_text([COLUMNS])
        async for page in self._pages(wanted):
            yield csv_text([_cell(entry, name) for name in COLUMNS] for entry in page)

    async def _pages(self, wanted: AuditFilter) -> AsyncIterator[list[AuditEntry]]:
        cursor: int | None = None
        while True:
            page = await self.page(wanted, cursor, EXPORT_PAGE)
            yield page.events
            cursor = page.next_cursor
            if cursor is None:
                return


def _filter(wanted: AuditFilter) -> Filter:
    return Filter(wanted.action, wanted.actor_id, wanted.target, wanted.since, wanted.until)


def _cell(entry: AuditEntry, name: str) -> str:
    value = getattr(entry, name)
    return "" if value is None else json.dumps(value) if name == "detail" else value.isoformat() if name == "time" else str(value)
