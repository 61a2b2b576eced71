"""Who may generate now, who waits, and who is told to come back later."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable

from cluster.errors import Overloaded
from deployments.engines.protocols import Occupancy


class Admission:
    """``slots`` places to work in, first come first served, with at most ``max_queued`` waiting for one. For one event loop."""

    def __init__(self, model: str, slots: int, max_queued: int) -> None:
        self._model = model
        self._slots = slots
        self._max_queued = max_queued
        self._semaphore = asyncio.Semaphore(slots)
        self._running = 0
        self._queued = 0
        self._mean_s = 1.0

    def occupancy(self) -> Occupancy:
        return Occupancy(self._slots, self._running, self._queued)

    async def enter(self) -> Callable[[], None]:
        """Waits for a place; the result, called once, gives it back. Raises Overloaded when too many wait already."""
        # Not `_queued` alone: a waiter that was given a place counts as waiting until it runs, and would keep a newcomer out meanwhile.
        if self._running + self._queued >= self._slots + self._max_queued:
            raise Overloaded(
                f"{self._queued} requests already wait for '{self._model}', and no more are taken; retry in {self._forecast_s()} s."
            )
        self._queued += 1
        try:
            await self._semaphore.acquire()
        finally:
            self._queued -= 1
        self._running += 1
        started = time.monotonic()
        return lambda: self._leave(started)

    async def all(self) -> Callable[[], None]:
        """Waits until nobody has a place, and lets nobody in; the result, called once, gives the places back. Who waits goes on waiting."""
        taken = [asyncio.ensure_future(self._semaphore.acquire()) for _ in range(self._slots)]
        try:
            await asyncio.gather(*taken)
        except BaseException:
            for one in taken:
                if one.done() and not one.cancelled():
                    self._semaphore.release()
                one.cancel()
            raise
        return self._readmit

    async def resize(self, slots: int) -> None:
        """From now on so many places. Where there are fewer than before, it returns when the surplus ones have been left."""
        before, self._slots = self._slots, slots
        for _ in range(slots - before):
            self._semaphore.release()
        for _ in range(before - slots):
            await self._semaphore.acquire()

    def _readmit(self) -> None:
        for _ in range(self._slots):
            self._semaphore.release()

    def _leave(self, started: float) -> None:
        self._running -= 1
        # An exponential mean over about the last ten generations: what a newcomer should expect.
        self._mean_s += 0.1 * (time.monotonic() - started - self._mean_s)
        self._semaphore.release()

    def _forecast_s(self) -> int:
        return max(1, min(600, math.ceil(self._queued / self._slots * self._mean_s)))
