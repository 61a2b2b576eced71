"""What each provider offers, and whether it is well: looked up on first use, kept, and looked up again behind the callers' backs."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from cluster.errors import HearthError
from cluster.providers.breaker import BreakerState
from cluster.providers.dialect import Offer
from cluster.providers.provider import Provider
from cluster.specs.providers import ProviderKind, ProvidersSpec


@dataclass(frozen=True, slots=True)
class ProviderHealth:
    """As of the last look. ``reachable`` is None before the first one. ``problem`` says what to do about it. ``checked_at``: Unix time."""

    provider: str
    kind: ProviderKind
    address: str
    reachable: bool | None
    breaker: BreakerState
    latency_s: float | None
    checked_at: float | None
    models: int
    problem: str | None


class Listing:
    """The models of one provider. Belongs to one event loop."""

    def __init__(self, provider: Provider, spec: ProvidersSpec) -> None:
        self.provider = provider
        self._spec = spec
        self._offers = tuple(Offer(model.name, context_tokens=model.context_tokens) for model in provider.spec.models)
        self._fixed = bool(self._offers)
        self._known = self._fixed
        self._looking: asyncio.Task[None] | None = None
        self._due = 0.0
        self._checked_at: float | None = None
        self._latency_s: float | None = None
        self._problem: HearthError | None = None

    async def offers(self) -> tuple[Offer, ...]:
        """Waits for the first look only; later ones happen while the old list is given out. Empty while nothing could be listed."""
        if not self._fixed and time.monotonic() >= self._due:
            look = self._look()
            if not self._known:
                await asyncio.shield(look)
        return self._offers

    async def offer(self, model: str) -> Offer | None:
        """The model, if it is offered. While nothing could be listed yet, every name is taken for one: the provider will say."""
        found = next((offer for offer in await self.offers() if offer.name == model), None)
        return found or (None if self._known else Offer(model))

    async def probe(self) -> ProviderHealth:
        """Looks now."""
        await asyncio.shield(self._look())
        return self.health()

    def health(self) -> ProviderHealth:
        breaker = self.provider.breaker
        problem = self._problem.message if self._problem else (None if breaker.state == "closed" else breaker.reason)
        return ProviderHealth(
            provider=self.provider.name,
            kind=self.provider.spec.kind,
            address=self.provider.spec.address,
            reachable=None if self._checked_at is None else self._problem is None,
            breaker=breaker.state,
            latency_s=self._latency_s,
            checked_at=self._checked_at,
            models=len(self._offers),
            problem=problem,
        )

    async def close(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.wait({self._looking})

    def _look(self) -> asyncio.Task[None]:
        """One look at a time, whoever wants it."""
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._list())
        return self._looking

    async def _list(self) -> None:
        begun = time.monotonic()
        try:
            listed = await self.provider.offers()
        except HearthError as error:
            self._problem, wait_s = error, self._spec.failed_discovery_s
        else:
            self._problem, wait_s = None, self._spec.discovery_s
            self._latency_s = time.monotonic() - begun
            if not self._fixed:
                self._offers, self._known = tuple(listed), True
        self._checked_at = time.time()
        self._due = time.monotonic() + wait_s
