"""Blocking work in threads, a fixed number at once."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Concatenate, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Tasks:
    """At most ``slots`` pieces of work at once; further callers wait in order. Called on one event loop.

    Cancelling a caller sets the ``stop`` event of its work; the slot is free again when the work has really ended, so that no more
    than ``slots`` threads ever compute.
    """

    def __init__(self, slots: int, name: str) -> None:
        self.slots = slots
        self.running = 0
        self.queued = 0
        self._free = asyncio.Semaphore(slots)
        self._thread = thread = threading.local()
        self._threads = ThreadPoolExecutor(slots, name, initializer=lambda: setattr(thread, "is_ours", True))

    async def run(self, work: Callable[Concatenate[threading.Event, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """``work(stop, ...)`` in a thread, once a slot is free. Raises what it raises."""
        self.queued += 1
        try:
            await self._free.acquire()
        finally:
            self.queued -= 1
        self.running += 1
        stop = threading.Event()
        loop = asyncio.get_running_loop()
        started = self._threads.submit(work, stop, *args, **kwargs)
        started.add_done_callback(lambda _: loop.call_soon_threadsafe(self._release))
        try:
            return await asyncio.wrap_future(started)
        except asyncio.CancelledError:
            stop.set()
            raise

    def close(self) -> None:
        """Waits for the work that is running. Work itself may close it too: a thread can be the last to hold whoever owns this."""
        self._threads.shutdown(wait=not hasattr(self._thread, "is_ours"), cancel_futures=True)

    def _release(self) -> None:
        self.running -= 1
        self._free.release()
