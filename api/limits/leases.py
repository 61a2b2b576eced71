"""What is open now. Each open request is held by a lease, which its process renews: when a replica is killed, what it held lapses."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError

from api.limits.scripts import RENEW
from cluster.ending import end
from cluster.settings import QuotaSettings

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Lease:
    """``places``: the sets of open requests in which it stands."""

    id: str
    places: tuple[str, ...]


class Leases:
    """Those of this process. One task renews all of them, for as long as there are any. Belongs to one event loop."""

    def __init__(self, cache: Redis, settings: QuotaSettings) -> None:
        self.milliseconds = int(settings.lease_s * 1000)
        self._cache = cache
        self._renew = cache.register_script(RENEW)
        self._kept: set[Lease] = set()
        self._keeper: asyncio.Task[None] | None = None
        self._leaving: set[asyncio.Task[None]] = set()

    def keep(self, lease: Lease) -> None:
        """Renew it until it is released."""
        self._kept.add(lease)
        if self._keeper is None:
            self._keeper = asyncio.create_task(self._keep())

    async def release(self, lease: Lease) -> None:
        """Goes on in the background when whoever calls this is cancelled, because that is how a server says that the caller left."""
        if lease not in self._kept:
            return
        await asyncio.shield(self._let_go(lease))

    def release_after(self, task: asyncio.Task[None], lease: Lease) -> None:
        """When ``task`` has ended."""
        task.add_done_callback(lambda _: self._let_go(lease) if lease in self._kept else None)

    def _let_go(self, lease: Lease) -> asyncio.Task[None]:
        self._kept.discard(lease)
        leaving = asyncio.create_task(self._leave(lease))
        self._leaving.add(leaving)
        leaving.add_done_callback(self._leaving.discard)
        return leaving

    async def close(self) -> None:
        """Releases everything that is still held."""
        for lease in list(self._kept):
            await self.release(lease)
        await asyncio.gather(*self._leaving)
        if self._keeper is not None:
            await end([self._keeper])
            self._keeper = None

    async def drop(self, lease: Lease) -> None:
        """What was taken and is not to be kept."""
        async with self._cache.pipeline(transaction=False) as pipe:
            for place in lease.places:
                pipe.zrem(place, lease.id)
            await pipe.execute()

    async def _leave(self, lease: Lease) -> None:
        try:
            await self.drop(lease)
        except (RedisError, OSError) as error:
            log.warning("what is open no longer counts only when its lease lapses", error=type(error).__name__)

    async def _keep(self) -> None:
        while self._kept:
            await asyncio.sleep(self.milliseconds / 3000)
            try:
                await self._renew_all(list(self._kept))
            except (RedisError, OSError) as error:
                log.warning("leases could not be renewed; it is tried again", error=type(error).__name__)
        self._keeper = None

    async def _renew_all(self, leases: Sequence[Lease]) -> None:
        if not leases:
            return
        pairs = [(place, lease.id) for lease in leases for place in lease.places]
        await self._renew(keys=[place for place, _ in pairs], args=[self.milliseconds, *(lease_id for _, lease_id in pairs)])
        # What was released in the meantime must not stand there until it lapses.
        for lease in set(leases) - self._kept:
            await self.drop(lease)
