"""Is everything there that a request needs?"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import structlog
from redis.exceptions import RedisError

from api.health.schemas import Dependency, Readiness
from cluster.contracts.models import ModelState
from cluster.contracts.residency import ResidencySnapshot
from cluster.errors import HearthError
from cluster.gateway import ModelGateway
from cluster.graphs.metering import NodeCounts, node_counts
from cluster.stores.clients import StoreClients

log = structlog.get_logger(__name__)

# Seconds a dependency gets to answer; whoever probes us gives up soon after.
_PROBE_S = 3.0


class Health:
    def __init__(self, gateway: ModelGateway, stores: StoreClients) -> None:
        self._gateway = gateway
        self._stores = stores

    async def readiness(self) -> Readiness:
        """Every dependency, asked at the same time."""
        found = await asyncio.gather(
            _probe("models", self._models),
            _probe("residency", self._residency),
            _probe("database", self._database),
            _probe("cache", self._cache),
        )
        dependencies = [dependency for several in found for dependency in several]
        ready = all(dependency.ready for dependency in dependencies)
        return Readiness(status="ready" if ready else "not_ready", dependencies=dependencies)

    async def snapshot(self) -> ResidencySnapshot | None:
        """Who is on the cards; None where nobody says it in time, because whoever watches must see the rest all the same."""
        try:
            async with asyncio.timeout(_PROBE_S):
                return await self._gateway.residency()
        except (HearthError, TimeoutError) as error:
            log.warning("residency ledger does not answer", error=str(error))
            return None

    async def nodes(self) -> list[NodeCounts]:
        """What nodes of graphs did; nothing where the cache does not say it in time."""
        try:
            async with asyncio.timeout(_PROBE_S):
                return await node_counts(self._stores.cache)
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("counts of nodes cannot be read", error=type(error).__name__)
            return []

    async def _models(self) -> list[Dependency]:
        """The pinned models: the others come when they are asked for."""
        return [
            Dependency(name=f"model {status.id}", ready=status.state is ModelState.READY, detail=f"{status.state}: {status.reason}")
            for status in await self._gateway.models()
            if status.pinned and status.state not in {ModelState.NOT_PULLED, ModelState.REJECTED}
        ]

    async def _residency(self) -> list[Dependency]:
        snapshot = await self._gateway.residency()
        return [Dependency(name="residency", ready=True, detail=f"{len(snapshot.models)} models on {len(snapshot.devices)} devices.")]

    async def _database(self) -> list[Dependency]:
        if await self._stores.database.answers():
            return [Dependency(name="database", ready=True, detail="It answers.")]
        return [Dependency(name="database", ready=False, detail="It does not answer; look at `hearth logs`.")]

    async def _cache(self) -> list[Dependency]:
        await self._stores.cache.ping()
        return [Dependency(name="cache", ready=True, detail="It answers.")]


async def _probe(name: str, ask: Callable[[], Awaitable[list[Dependency]]]) -> list[Dependency]:
    try:
        async with asyncio.timeout(_PROBE_S):
            return await ask()
    except TimeoutError:
        return [Dependency(name=name, ready=False, detail=f"No answer within {_PROBE_S:g} s; look at `hearth logs`.")]
    except Exception as error:
        log.warning("dependency not ready", dependency=name, exc_info=error)
        return [Dependency(name=name, ready=False, detail=f"Failed with {type(error).__name__}; look at `hearth logs`.")]
