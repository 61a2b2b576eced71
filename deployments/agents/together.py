"""Nodes that run beside each other: what one of them has begun is not broken off because another failed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Together:
    """LangGraph cancels what runs beside a node that raises. A call that was sent and broken off is one of which nobody knows whether it
    was done; so whoever failed says so only when the others have come to their end."""

    def __init__(self) -> None:
        self._working = 0
        self._idle = asyncio.Event()

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        self._working += 1
        self._idle.clear()
        try:
            yield
        except Exception:
            self._leave()
            await self._idle.wait()
            raise
        except BaseException:
            self._leave()
            raise
        else:
            self._leave()

    def _leave(self) -> None:
        self._working -= 1
        if self._working == 0:
            self._idle.set()
