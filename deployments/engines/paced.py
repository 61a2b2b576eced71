"""A slower card than the one at hand: any language model, released at a fixed rate. For measuring the serving stack."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, TokenCount
from deployments.engines.gather import gather
from deployments.engines.protocols import GenerationEngine, Occupancy


class Paced:
    """A GenerationEngine that lets ``engine``'s tokens through one at a time, at most ``tokens_per_s`` a second in each stream.

    A stream holds one of the engine's slots for as long as the slower card would: those beyond wait, as they would there.
    """

    def __init__(self, engine: GenerationEngine, tokens_per_s: float) -> None:
        self._engine = engine
        self._interval = 1.0 / tokens_per_s
        self._slots = asyncio.Semaphore(engine.occupancy().slots)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        async with self._slots, aclosing(self._engine.stream(request)) as source:
            loop = asyncio.get_running_loop()
            due = 0.0
            async for batch in source:
                for delta in batch:
                    # The schedule starts at the first token and is kept to: a late token does not delay those after it.
                    due = due or loop.time()
                    await asyncio.sleep(due - loop.time())
                    yield (delta,)
                    due += self._interval

    async def generate(self, request: GenerationRequest) -> Generation:
        return await gather(self.stream(request))

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        return await self._engine.count_tokens(request)

    async def set_adapters(self, adapters: Mapping[str, str]) -> None:
        await self._engine.set_adapters(adapters)

    async def check_health(self) -> None:
        await self._engine.check_health()

    def occupancy(self) -> Occupancy:
        return self._engine.occupancy()

    def close(self) -> None:
        self._engine.close()
