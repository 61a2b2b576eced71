"""What is done again and again beside everything else, for as long as a process serves."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError
from sqlalchemy.exc import SQLAlchemyError

from cluster.ending import end
from cluster.errors import HearthError

log = structlog.get_logger(__name__)

# What a database, Redis, an index or a disk raises that is away for a while.
AWAY = (HearthError, SQLAlchemyError, RedisError, OSError)


class Upkeep:
    """Calls ``do`` when it is started, and then ``every_s`` seconds after each call, until it is stopped, whatever ``do`` raises: who waits
    for it must not wait for ever. ``what`` names it in the log. Belongs to one event loop."""

    def __init__(self, what: str, every_s: float, do: Callable[[], Awaitable[object]]) -> None:
        self._what = what
        self._every_s = every_s
        self._do = do
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        self._task = asyncio.create_task(self._run())

    async def stop(self) -> None:
        """The call under way is cancelled."""
        if self._task is not None:
            await end([self._task])

    async def _run(self) -> None:
        while True:
            try:
                await self._do()
            except AWAY as error:
                log.warning("upkeep failed; it is tried again", what=self._what, error=type(error).__name__)
            except Exception:
                log.exception("upkeep failed; it is tried again", what=self._what)
            await asyncio.sleep(self._every_s)
