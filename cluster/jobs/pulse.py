"""Signs of life of a job's process, and what comes back with them: whether it is to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog
import tenacity
from sqlalchemy.exc import InterfaceError, InternalError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout

from cluster.jobs.table import Job

log = structlog.get_logger(__name__)

# InternalError: the transaction took too long, because this process, or its machine, was paused.
AWAY = (OperationalError, InterfaceError, InternalError, PoolTimeout, OSError)
Write = Callable[[], Awaitable[Job | None]]


class Pulse:
    """``lost``: the row has left this attempt. ``cancelling``: it is to stop. Read from any thread."""

    def __init__(self, job: Job) -> None:
        self.lost = False
        self._stopped = asyncio.Event()
        self.cancelling = job.cancel_requested_at is not None

    def note(self, job: Job | None) -> None:
        """What a write found: the row, or None when it is no longer this attempt's."""
        self.lost = self.lost or job is None
        self.cancelling = self.cancelling or (job is not None and job.cancel_requested_at is not None)

    async def beat(self, write: Write, every_s: float) -> None:
        """Until stopped, or lost. A database that is away is waited for: whether this process is lost is for others to say."""
        while not self.lost:
            with suppress(TimeoutError):
                async with asyncio.timeout(every_s):
                    await self._stopped.wait()
                    return
            try:
                self.note(await write())
            except AWAY as error:
                log.warning("the job could not give a sign of life", error=type(error).__name__)

    async def stop(self) -> None:
        """The beat under way is the last."""
        self._stopped.set()


async def patiently(write: Write, longest_s: float) -> Job | None:
    """What ``write`` returns, tried again while the database is away, for as long as nobody else takes the job for lost."""
    again = tenacity.AsyncRetrying(
        retry=tenacity.retry_if_exception_type(AWAY),
        wait=tenacity.wait_exponential_jitter(multiplier=0.1, max=2.0),
        stop=tenacity.stop_after_delay(longest_s),
        reraise=True,
    )

    async def once() -> Job | None:  # tenacity tells by the function, not by what it returns, whether it is to be awaited
        return await write()

    return await again(once)
