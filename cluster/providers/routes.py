"""Which model a name means, in a visible order: an alias, then the local model, then providers as configured.

``<provider>/<model>`` always names exactly one. A model whose own name begins with a provider's name and a slash, as OpenRouter's do, is
reached through the provider that has it: ``openrouter/openai/gpt-4o``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from cluster.contracts.generation import GenerationRequest
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.errors import ModelNotFound
from cluster.gateway import ModelGateway
from cluster.providers.dialect import Offer
from cluster.providers.directory import Listing
from cluster.providers.provider import Provider
from cluster.specs.loader import nearest
from cluster.specs.providers import AliasSpec, ProvidersSpec

# What a model can do that takes pictures in a conversation.
IMAGES = "images"


@dataclass(frozen=True, slots=True)
class Target:
    """One model, found. ``provider`` None: the local one."""

    status: ModelStatus
    model: str
    provider: Provider | None = None

    @property
    def id(self) -> str:
        return self.model if self.provider is None else self.status.id

    def objection(self, request: GenerationRequest) -> str | None:
        """Why it cannot carry out the request, or None."""
        if self.provider is not None:
            return self.provider.objection(request)
        shows = any(message.images for message in request.messages)
        return "it takes no images" if shows and IMAGES not in self.status.capabilities else None


class Routes:
    """Names of language models, over the local ones of ``inner`` and those of ``listings``."""

    def __init__(self, inner: ModelGateway, spec: ProvidersSpec, listings: Mapping[str, Listing]) -> None:
        self._inner = inner
        self._spec = spec
        self._listings = listings

    def alias(self, name: str) -> AliasSpec | None:
        return self._spec.aliases.get(name)

    async def is_local(self, name: str) -> bool:
        """Does the name mean a local model?"""
        return name.partition("/")[0] not in self._listings and await self._local(name) is not None

    async def find(self, name: str) -> Target:
        """Raises ModelNotFound, naming the nearest. Never follows an alias."""
        provider, slash, model = name.partition("/")
        if slash and provider in self._listings:
            return await self._exact(self._listings[provider], model)
        local = await self._local(name)
        if local is not None:
            return Target(local, name)
        for listing in self._listings.values():
            found = next((offer for offer in await listing.offers() if offer.name == name), None)
            if found is not None:
                return await self._target(listing, found)
        raise ModelNotFound(await self._unknown(name))

    async def statuses(self) -> list[ModelStatus]:
        """The models of all providers, under their exact names, and the aliases."""
        local = [status.id for status in await self._inner.models() if status.kind is ModelKind.LLM]
        taken = dict.fromkeys(local, "the local model")
        provided = []
        for name, listing in self._listings.items():
            for offer in await listing.offers():
                provided.append(_status(listing, offer, taken.get(offer.name)))
                taken.setdefault(offer.name, f"'{name}/{offer.name}'")
        return [*(_alias_status(name, alias, taken.get(name)) for name, alias in self._spec.aliases.items()), *provided]

    async def alias_status(self, name: str) -> ModelStatus:
        return next(status for status in await self.statuses() if status.id == name and status.engine == "alias")

    async def _exact(self, listing: Listing, model: str) -> Target:
        offer = await listing.offer(model)
        if offer is None:
            name = listing.provider.name
            hint = nearest(model, [offer.name for offer in await listing.offers()])
            raise ModelNotFound(
                f"Provider '{name}' has no model '{model}'" + (f"; did you mean '{name}/{hint}'?" if hint else "; see GET /v1/models.")
            )
        return await self._target(listing, offer)

    async def _target(self, listing: Listing, offer: Offer) -> Target:
        taken = await self._holder(listing, offer.name)
        return Target(_status(listing, offer, taken), offer.name, listing.provider)

    async def _holder(self, listing: Listing, name: str) -> str | None:
        """Who answers to the bare name before ``listing`` does."""
        if await self._local(name) is not None:
            return "the local model"
        for other in self._listings.values():
            if other is listing:
                return None
            if any(offer.name == name for offer in await other.offers()):
                return f"'{other.provider.name}/{name}'"
        return None

    async def _local(self, name: str) -> ModelStatus | None:
        try:
            return await self._inner.resolve(name, ModelKind.LLM)
        except ModelNotFound:
            return None

    async def _unknown(self, name: str) -> str:
        local = [status.id for status in await self._inner.models() if status.kind is ModelKind.LLM]
        provided = [status.id for status in await self.statuses()]
        bare = [offer.name for listing in self._listings.values() for offer in await listing.offers()]
        hint = nearest(name, [*local, *bare, *provided])
        return f"There is no model '{name}'" + (f"; did you mean '{hint}'?" if hint else "; see GET /v1/models.")


def _status(listing: Listing, offer: Offer, taken: str | None) -> ModelStatus:
    provider, health = listing.provider, listing.health()
    exact = f"{provider.name}/{offer.name}"
    configured = next((model.context_tokens for model in provider.spec.models if model.name == offer.name), None)
    bare = f"the bare name '{offer.name}' goes to {taken}" if taken else f"'{offer.name}' works, too"
    said = f"Answered by provider '{provider.name}' ({provider.spec.kind}); {bare}."
    return ModelStatus(
        id=exact,
        kind=ModelKind.LLM,
        state=ModelState.READY if health.problem is None else ModelState.FAILED,
        capabilities=("chat", "tools", "json", IMAGES),
        engine=provider.spec.kind,
        device="remote",
        dtype="",
        budget_bytes=0,
        pinned=False,
        context_tokens=configured or offer.context_tokens,
        reason=said if health.problem is None else f"{said} {health.problem}",
        created=offer.created,
        owned_by=provider.name,
    )


def _alias_status(name: str, alias: AliasSpec, taken: str | None) -> ModelStatus:
    chain = ", then ".join(f"'{model}'" for model in alias.models)
    return ModelStatus(
        id=name,
        kind=ModelKind.LLM,
        state=ModelState.READY,
        capabilities=("chat", "tools", "json"),
        engine="alias",
        device="",
        dtype="",
        budget_bytes=0,
        pinned=False,
        context_tokens=None,
        reason=f"A name for {chain}" + (f"; it goes before {taken} of that name." if taken else "."),
        created=0,
        owned_by="hearth",
    )
