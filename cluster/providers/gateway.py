"""The gateway with providers: local models and those of others behind one door, and one standing in for another."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, Provenance, TokenCount
from cluster.contracts.models import ModelKind, ModelStatus
from cluster.errors import EngineError
from cluster.forwarding import ForwardingGateway
from cluster.gateway import ModelGateway, closable
from cluster.providers.cache import ResponseCache
from cluster.providers.chain import Chains
from cluster.providers.dialect import folded
from cluster.providers.directory import Listing, ProviderHealth
from cluster.providers.keys import SecretSource
from cluster.providers.provider import Provider
from cluster.providers.reuse import Reuse, as_deltas, reuse_of
from cluster.providers.routes import Routes, Target
from cluster.providers.stats import GatewayStats
from cluster.providers.tokens import TokenCounter
from cluster.specs.providers import ProvidersSpec

# What a model's name stands for at this moment, where that changes.
Meaning = Callable[[GenerationRequest, str], Awaitable[str]]


@dataclass(frozen=True, slots=True)
class _Begun:
    """A stream whose first batch is here: what fails from now on is an error, and no reason to ask another model."""

    first: Sequence[GenerationDelta]
    rest: AsyncGenerator[Sequence[GenerationDelta], None]

    async def told_by(self, provenance: Provenance) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """All of it; the first delta says where it comes from."""
        async with aclosing(self.rest):
            head, *others = self.first
            yield (replace(head, provenance=_more_exact(provenance, head.provenance)), *others)
            async for batch in self.rest:
                yield batch


class ProviderGateway(ForwardingGateway):
    """Around ``inner``, which keeps the local models. Belongs to one event loop.

    Answers of language models carry their provenance. ``stats`` is for whoever exports metrics. ``meaning``: answers are given again only
    while the models' names mean the same.
    """

    def __init__(
        self,
        inner: ModelGateway,
        spec: ProvidersSpec,
        secrets: SecretSource,
        cache: ResponseCache | None = None,
        meaning: Meaning | None = None,
    ) -> None:
        super().__init__(inner)
        self._meaning = meaning
        self.stats = GatewayStats()
        self.cache = cache
        self._tokens = TokenCounter()
        enabled = {name: provider for name, provider in spec.providers.items() if provider.enabled}
        self._listings = {
            name: Listing(Provider(name, provider, secrets, self.stats, self._tokens), spec) for name, provider in enabled.items()
        }
        self._routes = Routes(inner, spec, self._listings)
        self._chains = Chains(self._routes, spec.last_resort, self.stats)

    async def models(self) -> Sequence[ModelStatus]:
        """Local models, then aliases, then the models of providers as ``<provider>/<model>``."""
        local = await self._inner.models()
        ids = {status.id for status in local}
        return [*local, *(status for status in await self._routes.statuses() if status.id not in ids)]

    async def resolve(self, model: str, kind: ModelKind) -> ModelStatus:
        if kind is not ModelKind.LLM:
            return await self._inner.resolve(model, kind)
        if self._routes.alias(model) is not None:
            return await self._routes.alias_status(model)
        return (await self._routes.find(model)).status

    async def generate(self, request: GenerationRequest) -> Generation:
        names = await self._chains.names(request)
        reuse = await self._reuse(request, names)
        if reuse is not None and (known := await reuse.known()) is not None:
            return known
        answer, provenance = await self._chains.first(names, request, self._ask)
        answer = replace(answer, provenance=_more_exact(provenance, answer.provenance))
        if reuse is not None:
            await reuse.keep(answer)
        return answer

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """Another model is asked until the first piece is here; what fails after it ends the stream with its error."""
        names = await self._chains.names(request)
        reuse = await self._reuse(request, names)
        if reuse is not None and (known := await reuse.known()) is not None:
            yield as_deltas(known)
            return
        begun, provenance = await self._chains.first(names, request, self._begin)
        pieces: list[GenerationDelta] = []
        async with aclosing(begun.told_by(provenance)) as batches:
            async for batch in batches:
                if reuse is not None:
                    pieces += batch
                yield batch
        if reuse is not None and pieces[-1].finish_reason is not None:
            await reuse.keep(folded(pieces))

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        first = await self._routes.find((await self._chains.names(request))[0])
        if first.provider is None:
            return await self._inner.count_tokens(_alone(request, first.model))
        return self._tokens.request(request, first.model)

    async def health(self, *, probe: bool = False) -> list[ProviderHealth]:
        """Every enabled provider, as of its last look; ``probe``: looks now, at all of them at once."""
        if not probe:
            return [listing.health() for listing in self._listings.values()]
        return await asyncio.gather(*(listing.probe() for listing in self._listings.values()))

    async def close(self) -> None:
        """Lets go of the connections to providers; ``inner`` is its owner's. No call may be running."""
        for listing in self._listings.values():
            await listing.close()
            await listing.provider.close()

    async def _reuse(self, request: GenerationRequest, names: Sequence[str]) -> Reuse | None:
        meaning = self._meaning
        if self.cache is None or meaning is None:
            return reuse_of(request, self._routes.alias(request.model), names, self.cache)
        meant = [await meaning(request, name) for name in names]
        return reuse_of(request, self._routes.alias(request.model), meant, self.cache)

    async def _ask(self, target: Target, request: GenerationRequest) -> Generation:
        if target.provider is not None:
            return await target.provider.generate(target.model, request)
        return await self._inner.generate(_alone(request, target.model))

    async def _begin(self, target: Target, request: GenerationRequest) -> _Begun:
        source = self._opened(target, request)
        try:
            return _Begun(await anext(source), source)
        except StopAsyncIteration:
            raise EngineError(f"Model '{target.id}' ended without an answer; ask again.") from None
        except BaseException:
            await source.aclose()
            raise

    def _opened(self, target: Target, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        if target.provider is not None:
            return target.provider.stream(target.model, request)
        return closable(self._inner.stream(_alone(request, target.model)))


def _more_exact(provenance: Provenance, own: Provenance | None) -> Provenance:
    """A local model that was asked may say which of its adapters answered."""
    return provenance if own is None else replace(provenance, served_by=own.served_by, release=own.release)


def _alone(request: GenerationRequest, model: str) -> GenerationRequest:
    """The request as one local model takes it. An adapter or release is of the model that was asked, and not of one that
    stands in for it."""
    same = model == request.model
    adapter, release = (request.adapter, request.release) if same else (None, None)
    return replace(request, model=model, adapter=adapter, release=release, fallbacks=(), caching=None)
