"""The local models with the adapters and releases that organisations have: ``<base>:<name>``, ``<base>:release:<name>``, and ``<base>``
where one was promoted."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, Provenance, TokenCount
from cluster.contracts.models import ModelKind, ModelStatus
from cluster.errors import ModelNotFound
from cluster.forwarding import ForwardingGateway
from cluster.gateway import ModelGateway, closable
from cluster.learning.adapters.manifest import BARE_BASE, Bundle, Manifests, unknown
from cluster.learning.adapters.names import BARE


class AdapterGateway(ForwardingGateway):
    """Around ``inner``, which serves the models themselves. Whose adapters and releases a request may name is said by its ``scope``, an
    organisation's id. The adapter of an answer that was chosen here is named in its provenance, ``<base>:<name>@<version>``, and so is the
    release. A release's prompt is told to a chat that has no instructions of its own."""

    def __init__(self, inner: ModelGateway, manifests: Manifests) -> None:
        super().__init__(inner)
        self.manifests = manifests

    async def resolve(self, model: str, kind: ModelKind) -> ModelStatus:
        """Whose ``model`` is asked for is not known here: an adapter that any organisation has is resolved, and refused when it is asked in
        the name of another."""
        try:
            return await self._inner.resolve(model, kind)
        except ModelNotFound:
            base, _, adapter = model.partition(":")
            if not adapter or kind is not ModelKind.LLM or not self._somebodys(base, adapter):
                raise
            return await self._inner.resolve(base, kind)

    async def generate(self, request: GenerationRequest) -> Generation:
        addressed, bundle = await self.addressed(request)
        answer = await self._inner.generate(addressed)
        return answer if bundle == BARE_BASE else replace(answer, provenance=_told(addressed.model, bundle))

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """Goes on with the adapter it began with, whatever is promoted meanwhile."""
        addressed, bundle = await self.addressed(request)
        told = None if bundle == BARE_BASE else _told(addressed.model, bundle)
        async with aclosing(closable(self._inner.stream(addressed))) as batches:
            async for batch in batches:
                if told is not None and batch:
                    head, *others = batch
                    yield (replace(head, provenance=told), *others)
                    told = None
                else:
                    yield batch

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        return await self._inner.count_tokens((await self.addressed(request))[0])

    async def addressed(self, request: GenerationRequest) -> tuple[GenerationRequest, Bundle]:
        """The request as the replica takes it, its adapter by id, and what was chosen. Raises ModelNotFound for what is not the
        organisation's."""
        base, _, named = request.model.partition(":")
        adapter = named or request.adapter
        manifest = self.manifests.of(base)
        if adapter is not None and not manifest.knows(request.scope, adapter):
            # One of the profile, which everybody may ask, or nobody's.
            status = await self._inner.resolve(base, ModelKind.LLM)
            need_own(f"{base}:{adapter}", status, self.manifests, request.scope)
            return replace(request, release=None), BARE_BASE
        # Chosen before, when documents were searched as the release has it; one that was retired since is chosen anew.
        before = manifest.released(request.scope, request.release) if adapter is None and request.release is not None else None
        bundle = before or manifest.choose(request.scope, adapter, request.subject or request.request_id)
        entry, messages = bundle.adapter, request.messages
        if bundle.release is not None:
            messages = bundle.release.instructed(messages)
        return replace(request, model=base, adapter=entry.id if entry is not None else None, messages=messages, release=None), bundle

    async def meaning(self, request: GenerationRequest, model: str) -> str:
        """What ``model`` stands for in this request at this moment; answers of different ones are not the same."""
        try:
            addressed, bundle = await self.addressed(replace(request, model=model))
        except ModelNotFound:
            # Not a model of ours.
            return model
        return model if bundle.key is None else f"{addressed.model}:{bundle.key}"

    def _somebodys(self, base: str, adapter: str) -> bool:
        manifest = self.manifests.of(base)
        known = {entry.organisation for entry in manifest.adapters} | {entry.organisation for entry in manifest.releases}
        return adapter == BARE or any(manifest.knows(organisation, adapter) for organisation in known)


def _told(base: str, bundle: Bundle) -> Provenance:
    served_by = base if bundle.adapter is None else f"{base}:{bundle.adapter.label}"
    return Provenance(served_by, release=bundle.release.label if bundle.release is not None else None)


def for_organisation(status: ModelStatus, manifests: Manifests, organisation: str) -> ModelStatus:
    """``status`` with the adapters of an organisation beside those of the profile."""
    if status.kind is not ModelKind.LLM:
        return status
    own = [entry.name for entry in manifests.of(status.id).own(organisation) if entry.named]
    return replace(status, adapters=tuple(dict.fromkeys([*status.adapters, *own]))) if own else status


def need_own(model: str, status: ModelStatus, manifests: Manifests, organisation: str) -> None:
    """Raises ModelNotFound when ``model`` names an adapter of ``status`` that the organisation has not."""
    adapter = model.removeprefix(f"{status.id}:") if model.startswith(f"{status.id}:") else ""
    if not adapter or adapter == BARE or adapter in status.adapters:
        return
    manifest = manifests.of(status.id)
    if not manifest.knows(organisation, adapter):
        raise unknown(status.id, adapter, [*status.adapters, *manifest.known(organisation)])
