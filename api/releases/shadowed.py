"""The gateway of somebody whose requests are also put to releases in the shadow."""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from api.releases.shadowing import Asker, Live, Shadows
from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, Usage
from cluster.forwarding import ForwardingGateway
from cluster.gateway import ModelGateway, closable


class ShadowedGateway(ForwardingGateway):
    """Answers as ``inner`` does, and when it does: what a shadow does is seen by nobody."""

    def __init__(self, inner: ModelGateway, shadows: Shadows, asker: Asker) -> None:
        super().__init__(inner)
        self._shadows = shadows
        self._asker = asker

    async def generate(self, request: GenerationRequest) -> Generation:
        release, began = self._shadows.wanted(request), time.monotonic()
        self._shadows.begin()
        try:
            answer = await self._inner.generate(request)
        finally:
            self._shadows.end()
        if release is not None and not (answer.provenance and answer.provenance.cached):
            by = answer.provenance.served_by if answer.provenance else request.model
            live = Live(answer.text, by, _ms(began), answer.usage.completion_tokens)
            self._shadows.offer(request, release, self._asker, live)
        return answer

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """A stream that is broken off, or answered from the cache, has no shadow."""
        release, began = self._shadows.wanted(request), time.monotonic()
        pieces: list[GenerationDelta] = []
        self._shadows.begin()
        try:
            async with aclosing(closable(self._inner.stream(request))) as batches:
                async for batch in batches:
                    if release is not None:
                        pieces += batch
                    yield batch
        finally:
            self._shadows.end()
        if release is not None and pieces and pieces[-1].finish_reason is not None:
            source = next((piece.provenance for piece in pieces if piece.provenance is not None), None)
            if source is None or not source.cached:
                usage, text = pieces[-1].usage or Usage(), "".join(piece.text for piece in pieces)
                live = Live(text, source.served_by if source else request.model, _ms(began), usage.completion_tokens)
                self._shadows.offer(request, release, self._asker, live)


def _ms(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
