"""From one thread that produces to one reader on an event loop."""

from __future__ import annotations

import asyncio
import threading
from typing import Generic, TypeVar

T = TypeVar("T")


class Mailbox(Generic[T]):
    """Items pile up while the reader is busy and are taken all at once: no timer, and the loop is woken only when it waits.

    Made on the reader's loop. One producer, one reader.
    """

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._lock = threading.Lock()
        self._items: list[T] = []
        self._closed = False
        self._error: BaseException | None = None
        self._abandoned = False
        self._waiter: asyncio.Future[None] | None = None

    def put(self, item: T) -> bool:
        """True when nobody will read any more: stop. From any thread."""
        with self._lock:
            self._items.append(item)
            waiter, self._waiter = self._waiter, None
        self._wake(waiter)
        return self._abandoned

    def close(self, error: BaseException | None = None) -> None:
        """No more items; ``error`` is raised once those that came before are taken. The first close counts. From any thread."""
        with self._lock:
            if not self._closed:
                self._closed, self._error = True, error
            waiter, self._waiter = self._waiter, None
        self._wake(waiter)

    def abandon(self) -> None:
        """The reader leaves."""
        self._abandoned = True

    async def take(self) -> list[T]:
        """All that has arrived, at least one item; empty at the end. Raises the producer's error."""
        with self._lock:
            if not self._items and not self._closed:
                self._waiter = self._loop.create_future()
            waiter = self._waiter
        if waiter is not None:
            await waiter
        with self._lock:
            items, self._items = self._items, []
        if not items and self._error is not None:
            raise self._error
        return items

    def _wake(self, waiter: asyncio.Future[None] | None) -> None:
        if waiter is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(_finish, waiter)


def _finish(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
