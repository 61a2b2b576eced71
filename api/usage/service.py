"""Reading usage: everybody their own, an admin that of the organisation."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date

from api.usage.repository import COUNTS, Filter, UsageDays
from api.usage.schemas import UsageAmounts, UsageFilter, UsageGroup, UsageQuery, UsageReport
from api.usage.tables import UsageDay
from api.web.principal import Principal, Role
from api.web.spreadsheet import csv_text
from cluster.errors import Forbidden
from cluster.stores.sql import Database

EXPORT_PAGE = 500
COLUMNS = (
    "day",
    "user_id",
    "key_id",
    "model",
    "requests",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "estimated",
    "audio_seconds",
    "images",
    "cost",
    "currency",
)
assert len(COLUMNS) == len(COUNTS) + 5


class Usage:
    """Opens a transaction for each page, so that an export of any length holds none for long."""

    def __init__(self, database: Database, principal: Principal, currency: str) -> None:
        self._database = database
        self._principal = principal
        self._currency = currency

    async def report(self, wanted: UsageQuery) -> UsageReport:
        chosen = self.chosen(wanted)
        async with self._database.session() as session:
            days = UsageDays(session)
            groups = await days.sums(chosen, wanted.group_by, wanted.limit)
            total = await days.total(chosen)
        return UsageReport(
            first_day=chosen.first,
            last_day=chosen.last,
            group_by=wanted.group_by,
            currency=self._currency,
            groups=[UsageGroup.of_group(group) for group in groups],
            total=UsageAmounts.of(total),
        )

    def chosen(self, wanted: UsageFilter) -> Filter:
        """Raises Forbidden for somebody else's, unless an admin asks."""
        me = self._principal
        user_id = wanted.user_id
        if not me.role.includes(Role.ADMIN):
            if user_id not in {None, me.user_id}:
                raise Forbidden("Only admins see what others used; leave 'user_id' out to see your own.").about("user_id")
            user_id = me.user_id
        return Filter(me.organisation_id, wanted.first, wanted.last, user_id, wanted.key_id, wanted.model)

    async def table(self, chosen: Filter) -> AsyncIterator[str]:
        """Every row as CSV with a head."""
        yield csv_text([COLUMNS])
        after = 0
        while True:
            async with self._database.session() as session:
                rows = await UsageDays(session).page(chosen, after, EXPORT_PAGE)
            if not rows:
                return
            yield csv_text([self._cells(row) for row in rows])
            after = rows[-1].id

    def _cells(self, row: UsageDay) -> list[str]:
        told = {"audio_seconds": f"{row.audio_ms / 1000:.3f}", "currency": self._currency, "cost": f"{row.cost:f}"}
        return [told[name] if name in told else _cell(getattr(row, name)) for name in COLUMNS]


def _cell(value: object) -> str:
    return "" if value is None else value.isoformat() if isinstance(value, date) else str(value)
