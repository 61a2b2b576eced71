"""Whether a request is within the limits of its key, its user and its organisation: one question to Redis, whatever the number of limits.

The library ``limits`` is not used. It asks Redis once for each limit, so that a request which the organisation's limit refuses has used up
the user's; it knows neither what is open now, nor amounts that are known only afterwards (tokens, cost); and it opens connections of its
own. A request here has up to twelve limits, and all of them are taken together or none.

Tokens and cost are known when an answer ends. A request is taken as long as anything is left, so answers that are under way at once may
pass the limit by what they use.

Where Redis does not answer within ``quotas.answer_s``, requests are taken, and a warning is logged: these limits keep callers fair to each
other, and everything that keeps the machine itself safe (open connections, waiting requests, body sizes) is counted without Redis. Whoever
has a budget is refused instead (503): a budget is somebody's money, which nobody could give back.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from datetime import date
from decimal import Decimal

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError
from sqlalchemy.exc import OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from api.limits.leases import Lease, Leases
from api.limits.periods import Clock, month_number, month_start, utc_now
from api.limits.quotas import BILLION, Quota, QuotaBook, Quotas
from api.limits.scripts import ADMIT, REASONS, SEED
from api.limits.standing import Standing, Verdict
from api.limits.subjects import Subject
from api.usage.repository import Spent, UsageDays
from api.web.principal import Principal
from cluster.errors import Unavailable
from cluster.settings import QuotaSettings
from cluster.stores.clients import StoreClients

log = structlog.get_logger(__name__)

MINUTE_S = 60.0
FIELDS = 7
NO_BUDGET_CHECK = "What is left of the budget cannot be found out now, because the cache does not answer; retry in 2 s."
NO_LIMITS = "Your limits cannot be read now, because the database does not answer; retry in 2 s."
NO_CACHE = "What is used of the limits cannot be found out now, because the cache does not answer; retry in 2 s."


class Limiter:
    """Belongs to one event loop. ``minute_s``: length of the window in which requests are counted."""

    def __init__(self, stores: StoreClients, settings: QuotaSettings, clock: Clock = utc_now, minute_s: float = MINUTE_S) -> None:
        self.quotas = QuotaBook(stores.database, settings)
        self.leases = Leases(stores.cache, settings)
        self._database = stores.database
        self._settings = settings
        self._clock = clock
        self._minute_ms = int(minute_s * 1000)
        self._cache: Redis = stores.cache
        self._admit = stores.cache.register_script(ADMIT)
        self._seed = stores.cache.register_script(SEED)

    async def request(self, principal: Principal) -> Verdict:
        """Counts a request that asks no model: only the requests of a minute hold for it."""
        quotas = await self._quotas(principal)
        return await self._take(tuple((subject, Quota(quota.requests_per_minute)) for subject, quota in quotas), None)

    async def ask(self, principal: Principal) -> tuple[Verdict, Lease]:
        """Counts a request to a model, and holds it open until the lease is released, or lapses because this process is gone.

        Raises Unavailable while somebody with a budget cannot be checked.
        """
        quotas = await self._quotas(principal)
        lease = Lease(uuid.uuid4().hex, tuple(subject.held for subject, _ in quotas))
        verdict = await self._take(quotas, lease)
        if verdict.refused is None and verdict.standings:
            self.leases.keep(lease)
        return verdict, lease

    async def look(self, quotas: Quotas) -> Verdict:
        """How things stand; counts nothing. Raises Unavailable when Redis does not answer."""
        try:
            return await self._run(quotas, None, take=False)
        except (RedisError, OSError, TimeoutError):
            raise Unavailable(NO_CACHE) from None

    async def _quotas(self, principal: Principal) -> Quotas:
        try:
            return await self.quotas.of(principal)
        except (OperationalError, PoolTimeout, OSError):
            raise Unavailable(NO_LIMITS) from None

    async def _take(self, quotas: Quotas, lease: Lease | None) -> Verdict:
        try:
            return await self._run(quotas, lease, take=True)
        except (RedisError, OSError, TimeoutError) as error:
            if any(quota.budget_per_month for _, quota in quotas):
                raise Unavailable(NO_BUDGET_CHECK) from None
            log.warning("limits are not checked: the cache does not answer", error=type(error).__name__)
            return Verdict((), self._clock())

    async def _run(self, quotas: Quotas, lease: Lease | None, *, take: bool) -> Verdict:
        verdict = await self._asked(quotas, lease, take=take)
        strangers = [standing.subject for standing in verdict.standings if not standing.known]
        if strangers and verdict.refused is None and (lease is not None or not take):
            await self._introduce(strangers)
            verdict = await self._asked(quotas, lease, take=take)
        return verdict

    async def _asked(self, quotas: Quotas, lease: Lease | None, *, take: bool) -> Verdict:
        now = self._clock()
        keys = [key for subject, _ in quotas for key in (subject.counter, subject.held)]
        head: list[int | str] = [
            self._minute_ms,
            self.leases.milliseconds,
            now.toordinal(),
            month_number(now),
            int(take),
            lease.id if lease else "",
        ]
        limits = [
            number
            for _, quota in quotas
            for number in (quota.requests_per_minute, quota.tokens_per_day, quota.concurrent, quota.budget_nano)
        ]
        async with asyncio.timeout(self._settings.answer_s):
            told: Sequence[int] = await self._admit(keys=keys, args=[*head, *limits])
        standings = [
            _standing(subject, quota, told[2 + FIELDS * place : 2 + FIELDS * (place + 1)]) for place, (subject, quota) in enumerate(quotas)
        ]
        refused = (standings[told[0] - 1], REASONS[told[1] - 1]) if told[0] else None
        return Verdict(standings, now, refused)

    async def _introduce(self, strangers: Sequence[Subject]) -> None:
        """Tells Redis what those used whom it has not seen, or has forgotten."""
        today = self._clock().date()
        try:
            async with self._database.session() as session:
                days = UsageDays(session)
                spent = {subject: await days.spent(subject, today, month_start(today)) for subject in strangers}
        except (OperationalError, PoolTimeout):
            raise Unavailable(NO_LIMITS) from None
        for subject, used in spent.items():
            await self._seed(keys=[subject.counter], args=_seeds(today, used))


def _seeds(today: date, used: Spent) -> list[int]:
    return [today.toordinal(), used.tokens, month_number(today), int(used.cost * Decimal(BILLION))]


def _standing(subject: Subject, quota: Quota, told: Sequence[int]) -> Standing:
    known, left, wait_ms, whole_ms, tokens, cost, held = told
    return Standing(subject, quota, bool(known), left, wait_ms, whole_ms, tokens, cost, held)
