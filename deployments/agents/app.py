"""The processes that carry runs of graphs on, as a Ray Serve deployment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import structlog
from ray import serve

from cluster.contracts.serving import AGENTS_DEPLOYMENT
from cluster.errors import ConfigError
from cluster.logs import configure_logging
from cluster.queue.kinds import WORKFLOW
from cluster.queue.tables import QueueMessage
from cluster.serving.agents import AgentsArgs
from cluster.serving.messages import MessageSource
from cluster.tracing import start_tracing
from deployments.agents.consuming import MessageHandlers
from deployments.agents.made import Made, make

log = structlog.get_logger(__name__)


class Agents(MessageHandlers):
    """One process. It begins with what waits, and goes on until it is stopped; nothing is sent through it but "look now". It works on
    messages of the queue besides: Serve starts that when ``__init__`` has returned."""

    async def __init__(self, args: AgentsArgs | Mapping[str, Any]) -> None:  # type: ignore[misc] # Serve awaits it
        given = AgentsArgs.model_validate(args)
        configure_logging(given.settings.log)
        self._tracing = start_tracing(given.settings.tracing, "hearth-agents")
        self._made: Made | None = None
        self._made = made = await make(given, os.environ)
        self.source = MessageSource(made.stores.database, made.stores.cache, given.settings, self._begun)
        self.beginning, self.delivery = made.beginning, made.delivery
        await self._made.runner.start()
        log.info("runs of graphs are carried on", at_once=given.settings.graphs.concurrent)

    async def wake(self) -> None:
        """Look now: a run was queued, answered, or is to be stopped."""
        if self._made is not None:
            self._made.runner.wake()

    async def check_health(self) -> None:
        """Called by Serve every few seconds. A database that is away is no reason to be replaced: it is waited for."""
        if self._made is not None:
            self._made.runner.check()
            self._adapter.check()

    async def close(self) -> None:
        """Gives back what is under way. May be called twice."""
        made, self._made = self._made, None
        if made is not None:
            if hasattr(self, "_adapter"):
                await self._adapter.stop()
            await made.close()
            if self._tracing is not None:
                self._tracing.shutdown()

    def _begun(self, message: QueueMessage) -> None:
        """A message may have written a run down."""
        if message.type == WORKFLOW and self._made is not None:
            self._made.runner.wake()

    async def __del__(self) -> None:
        # Called by Serve when the replica stops; nothing is there where starting failed.
        if hasattr(self, "_made"):
            await self.close()


def build(args: AgentsArgs | Mapping[str, Any]) -> serve.Application:
    """The ``import_path`` of the application. Raises ConfigError for a home that is not absolute."""
    given = AgentsArgs.model_validate(args)
    if not Path(given.settings.home).is_absolute():
        raise ConfigError(f"Graphs need an absolute home, not '{given.settings.home}'.")
    deployed = serve.deployment(name=AGENTS_DEPLOYMENT, num_replicas=given.settings.graphs.replicas, ray_actor_options={"num_cpus": 0})
    return deployed(Agents).bind(given.model_dump(mode="json"))
