"""Holding the leases of all answers that one process writes, in one question to Redis for many of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from redis.asyncio import Redis

from api.streams import keys
from api.streams.journal import Halted, Journal, LeaseLost, insist
from cluster.settings import ConversationSettings

# KEYS: lease, halt and events of each answer. ARGV: milliseconds, then who should hold each. Returns for each how many events there are,
# or 'lost' or 'halt' (see journal.py).
_RENEW = """
local told = {}
for i = 1, #ARGV - 1 do
  local lease, halt, events = KEYS[3 * i - 2], KEYS[3 * i - 1], KEYS[3 * i]
  if redis.call('GET', lease) ~= ARGV[i + 1] then
    told[i] = 'lost'
  elseif redis.call('EXISTS', halt) == 1 then
    told[i] = 'halt'
  else
    redis.call('PEXPIRE', lease, ARGV[1])
    local last = redis.call('XREVRANGE', events, '+', '-', 'COUNT', 1)[1]
    told[i] = last and string.match(last[1], '^%d+') or '0'
  end
end
return told
"""
_AT_ONCE = 200


class Keeper:
    """One task renews all, for as long as there are any. Belongs to one event loop."""

    def __init__(self, cache: Redis, settings: ConversationSettings) -> None:
        self._settings = settings
        self._renew = cache.register_script(_RENEW)
        self._kept: dict[Journal, asyncio.Future[None]] = {}
        self._task: asyncio.Task[None] | None = None

    def keep(self, journal: Journal) -> asyncio.Future[None]:
        """Until :meth:`release`. The future has no result, but fails with LeaseLost, or Halted, when either is noticed."""
        noticed = self._kept[journal] = asyncio.get_running_loop().create_future()
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run())
        return noticed

    def release(self, journal: Journal) -> None:
        noticed = self._kept.pop(journal)
        if not noticed.cancel() and not noticed.cancelled():
            noticed.exception()  # seen: nobody need be warned that it was not looked at
        if not self._kept and self._task is not None:
            self._task.cancel()
            self._task = None

    async def _run(self) -> None:
        while True:
            await asyncio.sleep(self._settings.lease_s / 4)
            journals = list(self._kept)
            for first in range(0, len(journals), _AT_ONCE):
                await self._hold(journals[first : first + _AT_ONCE])

    async def _hold(self, journals: Sequence[Journal]) -> None:
        names = [name for one in journals for name in (keys.lease(one.id), keys.halt(one.id), keys.events(one.id))]
        told = [str(int(self._settings.lease_s * 1000)), *(one.me for one in journals)]
        sent = [one.sent for one in journals]
        try:
            found = await insist(lambda: self._renew(keys=names, args=told), self._settings.lease_s)
        except Exception as error:  # noqa: BLE001 - whoever writes is told, and says so to whoever reads
            for journal in journals:
                self._fail(journal, error)
            return
        for journal, known, answer in zip(journals, sent, found, strict=True):
            if answer in {"lost", "halt"}:
                self._fail(journal, LeaseLost() if answer == "lost" else Halted())
            elif int(answer) < known:
                await self._mend(journal)

    async def _mend(self, journal: Journal) -> None:
        """Sends again what Redis lost in a crash."""
        try:
            await journal.append()
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(journal, error)

    def _fail(self, journal: Journal, error: Exception) -> None:
        noticed = self._kept.get(journal)
        if noticed is not None and not noticed.done():
            noticed.set_exception(error)
