"""Counts what answers used: first in this process, a moment later in Redis, and every few seconds in PostgreSQL.

``note`` only adds to a table in memory, so an answer never waits for it. One task sends the table to Redis as soon as the sending before it
has been answered; what is noted meanwhile goes with the next. Redis counts each sending once, by its number, also when its answer is lost
and it is sent again. The same step counts tokens and cost for the limits.

Redis keeps the counts under one name. A flush renames it to a batch with an id of its own, and adds the batch to PostgreSQL together with
that id, in one transaction; then the batch is removed. Whoever finds a batch again, after a crash or beside another replica, finds its id
in PostgreSQL and only removes it. So each count arrives exactly once, however many replicas flush at once.

What can be lost: of a replica that is killed, the answers that ended within the last sending to Redis (about a millisecond, or for as
long as Redis has not answered); of a machine that loses power, what Redis had not yet written to disk (a second, see
cluster/stores/redis.py).
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections import Counter
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.limits.periods import Clock, month_number, utc_now
from api.limits.quotas import BILLION
from api.limits.scripts import CUT, RECORD
from api.limits.subjects import subjects_of
from api.streams.accounts import Answered
from api.usage.repository import Account, UsageDays
from api.web.principal import Principal, Role
from cluster.ending import end
from cluster.settings import QuotaSettings
from cluster.specs.prices import Consumption, PriceTable
from cluster.stores.clients import StoreClients
from cluster.upkeep import Upkeep

log = structlog.get_logger(__name__)

OPEN, BATCHES = "usage:open", "usage:batches"
SENT_KEPT_S = 86400
RETRY_S = 1.0
# Accounts in one sending: Redis does nothing else while it counts them.
MOST_SENT = 500


@dataclass(frozen=True, slots=True)
class Line:
    """Whose, when and which model: what amounts are added up by until they are sent."""

    principal: Principal
    day: date
    model: str


class UsageLedger:
    """Belongs to one event loop. Notes are taken and sent without :meth:`start` too; then only others move them to the database."""

    def __init__(self, stores: StoreClients, settings: QuotaSettings, prices: PriceTable, clock: Clock = utc_now) -> None:
        self.prices = prices
        self._database = stores.database
        self._cache: Redis = stores.cache
        self._settings = settings
        self._clock = clock
        self._record = stores.cache.register_script(RECORD)
        self._cut = stores.cache.register_script(CUT)
        self._noted: dict[Line, Counter[str]] = {}
        self._going: dict[Line, Counter[str]] = {}
        self._sending: asyncio.Task[None] | None = None
        self._flushing = Upkeep("moving usage to the database", settings.flush_s, self.flush)
        self._sent = f"usage:sent:{uuid.uuid4().hex}"
        self._number = 0

    def note(self, principal: Principal, model: str, used: Consumption) -> None:
        """Counts one answer of ``model``, the one that answered. Returns at once."""
        line = Line(principal, self._clock().date(), model[:300])
        self._noted.setdefault(line, Counter()).update(self._amounts(model, used))
        if self._sending is None:
            self._sending = asyncio.create_task(self._send_all())

    async def answered(self, told: Answered) -> None:
        """The same for an answer to a message of a conversation."""
        usage = told.usage
        used = Consumption(usage.prompt_tokens, usage.completion_tokens, usage.cached_tokens, estimated=usage.estimated)
        # Whose it is counts here, not what they may do.
        whose = Principal(told.user_id, told.organisation_id, Role.VIEWER, told.key_id)
        self.note(whose, told.model, Consumption() if told.cached else used)

    async def record(self, principal: Principal, model: str, used: Consumption) -> None:
        """The same, and waits until Redis has it."""
        self.note(principal, model, used)
        await self.sent()

    async def sent(self) -> None:
        """Waits until Redis has everything that was noted."""
        while self._sending is not None:
            await asyncio.shield(self._sending)

    async def start(self) -> None:
        self._flushing.start()

    async def stop(self) -> None:
        """What was noted is in Redis when this returns, unless Redis does not answer within a few tries."""
        await self._flushing.stop()
        if self._sending is not None:
            await asyncio.wait((self._sending,), timeout=3 * RETRY_S)
        if self._sending is not None:
            log.error("usage could not be counted before the end", accounts=len(self._noted) + len(self._going))
            await end([self._sending])

    async def flush(self) -> int:
        """Moves what Redis has to the database; how many batches this call moved."""
        moved = 0
        for batch in await self.cut():
            moved += await self.move(batch)
        return moved

    async def cut(self) -> list[uuid.UUID]:
        """Closes what is counted so far as a batch; every batch that is still to be moved."""
        batch = uuid.uuid4()
        found = await self._cut(keys=[OPEN, BATCHES, _name(batch)], args=[str(batch)])
        return sorted(uuid.UUID(str(name)) for name in found)

    async def move(self, batch: uuid.UUID) -> bool:
        """Adds a batch to the database, unless it is there already, and removes it from Redis. Whether this call added it."""
        kept = await cast("Awaitable[dict[str, str]]", self._cache.hgetall(_name(batch)))
        async with self._database.session() as session:
            days = UsageDays(session)
            added = bool(kept) and await days.begin(batch)
            if added:
                await days.add(_accounts(kept))
                await days.forget_batches()
        await self.remove(batch)
        return added

    async def remove(self, batch: uuid.UUID) -> None:
        async with self._cache.pipeline(transaction=True) as pipe:
            pipe.delete(_name(batch))
            pipe.srem(BATCHES, str(batch))
            await pipe.execute()

    async def _send_all(self) -> None:
        while self._noted or self._going:
            if not self._going:
                chosen = list(self._noted)[:MOST_SENT]
                self._going = {line: self._noted.pop(line) for line in chosen}
                self._number += 1
            try:
                await self._send()
                self._going = {}
            except (RedisError, OSError) as error:
                log.warning("usage could not be counted; it is sent again", error=type(error).__name__)
                await asyncio.sleep(RETRY_S)
        self._sending = None

    async def _send(self) -> None:
        places: dict[str, int] = {}
        entries = [_entry(line, amounts, places) for line, amounts in self._going.items()]
        await self._record(keys=[self._sent, OPEN, *places], args=[self._number, SENT_KEPT_S, json.dumps(entries)])

    def _amounts(self, model: str, used: Consumption) -> dict[str, int]:
        return {
            "requests": 1,
            "input_tokens": used.input_tokens,
            "output_tokens": used.output_tokens,
            "cached_tokens": used.cached_tokens,
            "estimated": int(used.estimated),
            "audio_ms": round(used.audio_seconds * 1000),
            "images": used.images,
            "cost": int(self.prices.cost(model, used) * BILLION),
        }


def _name(batch: uuid.UUID) -> str:
    return f"usage:batch:{batch}"


def _entry(line: Line, amounts: Counter[str], places: dict[str, int]) -> dict[str, Any]:
    """``places``: counters of subjects by their place in the call; those of this line are added."""
    who = line.principal
    account = f"{line.day.isoformat()}|{who.organisation_id}|{who.user_id}|{who.key_id or ''}"
    return {
        "subjects": [places.setdefault(subject.counter, len(places) + 1) for subject in subjects_of(who)],
        "day": line.day.toordinal(),
        "month": month_number(line.day),
        "tokens": amounts["input_tokens"] + amounts["output_tokens"],
        "cost": amounts["cost"],
        "amounts": {f"{account}|{name}|{line.model}": amount for name, amount in amounts.items() if amount},
    }


def _accounts(kept: Mapping[str, str]) -> dict[Account, dict[str, int | Decimal]]:
    found: dict[Account, dict[str, int | Decimal]] = {}
    for field, amount in kept.items():
        day, organisation, user, key, name, model = field.split("|", 5)
        account = Account(date.fromisoformat(day), uuid.UUID(organisation), uuid.UUID(user), uuid.UUID(key) if key else None, model)
        found.setdefault(account, {})[name] = Decimal(amount) / BILLION if name == "cost" else int(amount)
    return found
