"""The processes that carry runs of graphs on, as a Serve application, and the way to tell them that there is something to do."""

from __future__ import annotations

import asyncio
from typing import Any

import structlog
from pydantic import BaseModel, ConfigDict
from ray.serve.handle import DeploymentHandle

from cluster.contracts.models import ModelStatus
from cluster.contracts.serving import AGENTS_APP, AGENTS_DEPLOYMENT
from cluster.settings import Settings
from cluster.specs.prices import PricesSpec
from cluster.specs.providers import ProvidersSpec

log = structlog.get_logger(__name__)

AGENTS_BUILD = "deployments.agents.app:build"
HEALTH_LOOK_S = 2.0
# Runs are given back when a replica stops; what they are at is broken off, so this is a matter of a few writes.
STOP_S = 30.0
# Of calls that wake; what is more than that would say the same.
QUEUED = 256
WAKE_S = 5.0


class AgentsArgs(BaseModel):
    """Of ``deployments.agents.app:build``: the same as ``ApiArgs``, since runs may ask every model that people may ask."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    settings: Settings
    models: tuple[ModelStatus, ...]
    providers: ProvidersSpec = ProvidersSpec()
    prices: PricesSpec = PricesSpec()


def agents_app(args: AgentsArgs) -> dict[str, Any]:
    """The application, as it stands in the Serve config file. Apart from the API's: each is started again without the other."""
    return {
        "name": AGENTS_APP,
        "route_prefix": None,
        "import_path": AGENTS_BUILD,
        "args": args.model_dump(mode="json"),
        "deployments": [
            {
                "name": AGENTS_DEPLOYMENT,
                "num_replicas": args.settings.graphs.replicas,
                "max_ongoing_requests": QUEUED,
                "max_queued_requests": QUEUED,
                "graceful_shutdown_timeout_s": STOP_S,
                "health_check_period_s": HEALTH_LOOK_S,
                "ray_actor_options": {"num_cpus": 0},
            }
        ],
    }


class ServeAgents:
    """Implements cluster.agents.AgentRuntime. Belongs to one event loop."""

    def __init__(self) -> None:
        self._base: DeploymentHandle[Any] | None = None
        self._task: asyncio.Task[None] | None = None
        self._again = False

    async def wake(self) -> None:
        """Those who call while one is being woken are heard with the next call."""
        self._again = True
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._wake())

    async def close(self) -> None:
        """Ends the handle's background work."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None
        if self._base is not None:
            await self._base.shutdown_async()  # type: ignore[no-untyped-call]
            self._base = None

    async def _wake(self) -> None:
        while self._again:
            self._again = False
            try:
                async with asyncio.timeout(WAKE_S):
                    await self._handle().options(method_name="wake").remote()
            except Exception as error:  # noqa: BLE001 - whatever Ray raises: they look by themselves before long
                log.debug("nobody could be woken to carry runs on", error=type(error).__name__)

    def _handle(self) -> DeploymentHandle[Any]:
        if self._base is None:
            base: DeploymentHandle[Any] = DeploymentHandle(AGENTS_DEPLOYMENT, AGENTS_APP)
            base._init(_run_router_in_separate_loop=False)  # type: ignore[no-untyped-call]
            self._base = base
        return self._base
