"""The deployment of a language model: one replica, one engine."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from typing import Any

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, TokenCount
from cluster.contracts.serving import ReplicaSpec, ReplicaStats, Retuning
from cluster.errors import ConfigError
from deployments.engines.paced import Paced
from deployments.engines.protocols import GenerationEngine, Refitting
from deployments.replica import Replica
from deployments.shelf import Shelf


class Llm:
    """``spec`` is a ReplicaSpec, or the JSON of one as the Serve config carries it. The calls raise what GenerationEngine raises.

    The calls take a GenerationRequest whose ``model`` is this one; ``adapter`` names a LoRA adapter of the spec, or by its id one that the
    registry has.
    """

    def __init__(self, spec: ReplicaSpec | Mapping[str, Any]) -> None:
        self._replica = Replica(spec)
        self._planned = self._replica.spec
        engine: GenerationEngine = self._replica.engine
        pace = self._replica.spec.pace_tokens_per_s
        self._engine = engine if pace is None else Paced(engine, pace)
        self._shelf = Shelf(self._replica.spec, self._engine)

    async def generate(self, request: GenerationRequest) -> Generation:
        async with self._shelf.using(request.adapter):
            return await self._engine.generate(request)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """The first token at once, then in each item whatever has arrived meanwhile. The caller's leaving stops the generation."""
        async with self._shelf.using(request.adapter), aclosing(self._engine.stream(request)) as deltas:
            async for batch in deltas:
                yield batch

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        async with self._shelf.using(request.adapter):
            return await self._engine.count_tokens(request)

    async def refresh_adapters(self) -> list[str]:
        """Loads what has been promoted and gives up what has been retired; the ids of those that are in memory then."""
        await self._shelf.tidy()
        return self._shelf.held

    async def reconfigure(self, retuning: Retuning | Mapping[str, Any]) -> None:
        """Called by Serve with the ``user_config`` of the deployment, which says in what this replica is to be other than ``spec``. Nobody
        waits for it, and nothing that runs is broken off. Raises ConfigError where the engine takes it only at its start."""
        spec = Retuning.model_validate(retuning).of(self._planned)
        if spec == self._replica.spec:
            return
        if not isinstance(self._engine, Refitting):
            raise ConfigError(
                f"'{spec.model}' on {spec.engine} takes another number of slots, or another context, only when it starts: "
                "`hearth down`, then `hearth up`."
            )
        await self._engine.refit(spec)
        self._replica.retuned(spec)

    async def check_health(self) -> None:
        """Called by Serve, which replaces the replica when it raises."""
        self._shelf.glance()
        await self._replica.note_memory()
        await self._engine.check_health()

    def stats(self) -> ReplicaStats:
        now = self._engine.occupancy()
        return self._replica.stats(now.slots, now.running, now.queued)

    def close(self) -> None:
        """Ends running generations and frees everything."""
        self._shelf.close()
        self._engine.close()

    def __del__(self) -> None:
        # Called by Serve when the replica stops; nothing to close: the load failed.
        if hasattr(self, "_shelf"):
            self.close()
