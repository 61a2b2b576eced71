"""What a subject may use: the settings, unless the database says otherwise."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from cachetools import TTLCache

from api.limits.repository import LimitOverrides
from api.limits.subjects import Subject, subjects_of
from api.limits.tables import LimitOverride
from api.web.principal import Principal
from cluster.settings import QuotaSettings, SubjectQuota
from cluster.stores.sql import Database

BILLION = 1_000_000_000
CACHED = 10_000


@dataclass(frozen=True, slots=True)
class Quota:
    """0: no limit. ``budget_per_month`` in the currency of the prices."""

    requests_per_minute: int = 0
    tokens_per_day: int = 0
    concurrent: int = 0
    budget_per_month: Decimal = Decimal(0)

    @property
    def budget_nano(self) -> int:
        return int(self.budget_per_month * BILLION)


Quotas = tuple[tuple[Subject, Quota], ...]


class QuotaBook:
    """Looked up once, then remembered for ``quotas.cache_s``: a change holds everywhere within them. Belongs to one event loop."""

    def __init__(self, database: Database, settings: QuotaSettings) -> None:
        self._database = database
        self._settings = settings
        self._known: TTLCache[tuple[Subject, ...], Quotas] = TTLCache(CACHED, settings.cache_s, time.monotonic)

    async def of(self, principal: Principal) -> Quotas:
        """Of the key, the user and the organisation, in this order."""
        subjects = subjects_of(principal)
        known = self._known.get(subjects)
        if known is None:
            known = self._known[subjects] = await self._read(subjects)
        return known

    def default(self, subject: Subject) -> Quota:
        told: SubjectQuota = getattr(self._settings, subject.kind.value)
        return Quota(told.requests_per_minute, told.tokens_per_day, told.concurrent, Decimal(str(told.budget_per_month)))

    async def _read(self, subjects: Sequence[Subject]) -> Quotas:
        async with self._database.session() as session:
            rows = await LimitOverrides(session).of(subjects)
        return tuple((subject, merged(self.default(subject), rows.get(subject))) for subject in subjects)


def merged(default: Quota, row: LimitOverride | None) -> Quota:
    if row is None:
        return default
    return Quota(
        default.requests_per_minute if row.requests_per_minute is None else row.requests_per_minute,
        default.tokens_per_day if row.tokens_per_day is None else row.tokens_per_day,
        default.concurrent if row.concurrent is None else row.concurrent,
        default.budget_per_month if row.budget_per_month is None else row.budget_per_month,
    )
