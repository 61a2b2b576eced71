"""The gateway that is real: models by id, over Ray Serve."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import replace
from typing import Any, TypeVar

import structlog

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, TokenCount
from cluster.contracts.models import ModelKind, ModelState, ModelStatus
from cluster.contracts.perception import (
    EmbeddingRequest,
    Embeddings,
    ExtractedText,
    ImageEmbeddingRequest,
    TextExtractionRequest,
    TokenSpans,
    TokenSpansRequest,
    Transcript,
    TranscriptionRequest,
)
from cluster.contracts.residency import ModelUse, ResidencySnapshot
from cluster.contracts.retrieval import Reranking, RerankRequest
from cluster.errors import HearthError, ModelNotFound, Unavailable
from cluster.serving.calls import Calls
from cluster.serving.overview import Overview
from cluster.settings import Settings
from cluster.specs.loader import nearest

log = structlog.get_logger(__name__)

# What planning found, and no replica can change.
FIXED = frozenset({ModelState.NOT_PULLED, ModelState.REJECTED})

AnswerT = TypeVar("AnswerT")


class ServeGateway:
    """Implements cluster.gateway.ModelGateway. ``models``: every model of the profile, as planned. Belongs to one event loop."""

    def __init__(self, models: Sequence[ModelStatus], settings: Settings) -> None:
        self._planned = {model.id: model for model in models}
        self._overview = Overview()
        self._calls = Calls(settings, self._overview)
        self._announced: dict[str, asyncio.Task[None]] = {}

    async def models(self) -> Sequence[ModelStatus]:
        return [_overlay(model, await self._overview.use(model.id)) for model in self._planned.values()]

    async def resolve(self, model: str, kind: ModelKind) -> ModelStatus:
        planned = self._find(model, kind)
        return _overlay(planned, await self._overview.use(planned.id))

    async def residency(self) -> ResidencySnapshot:
        return await self._overview.snapshot()

    async def generate(self, request: GenerationRequest) -> Generation:
        addressed = self._addressed(request)
        return await self._ask(addressed.model, "generate", addressed, Generation)

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        addressed = self._addressed(request)
        async with aclosing(self._calls.stream(addressed.model, "stream", addressed)) as items:
            async for deltas in items:
                yield deltas

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        addressed = self._addressed(request)
        return await self._ask(addressed.model, "count_tokens", addressed, TokenCount)

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        return await self._ask(self._servable(request.model, ModelKind.EMBEDDING).id, "embed", request, Embeddings)

    async def token_spans(self, request: TokenSpansRequest) -> TokenSpans:
        return await self._ask(self._servable(request.model, ModelKind.EMBEDDING).id, "token_spans", request, TokenSpans)

    async def rerank(self, request: RerankRequest) -> Reranking:
        return await self._ask(self._servable(request.model, ModelKind.RERANKER).id, "rerank", request, Reranking)

    async def embed_images(self, request: ImageEmbeddingRequest) -> Embeddings:
        return await self._ask(self._servable(request.model, ModelKind.CLIP).id, "embed", request, Embeddings)

    async def extract_text(self, request: TextExtractionRequest) -> ExtractedText:
        return await self._ask(self._servable(request.model, ModelKind.OCR).id, "extract", request, ExtractedText)

    async def transcribe(self, request: TranscriptionRequest) -> Transcript:
        return await self._ask(self._servable(request.model, ModelKind.TRANSCRIPTION).id, "transcribe", request, Transcript)

    def announce(self, model: str) -> None:
        """``model`` will be asked soon: what has to be loaded for it is loaded meanwhile, as if a request waited for it. Of a model that
        is not local, or is announced already, nothing happens."""
        base = model.partition(":")[0]
        planned = self._planned.get(base)
        if planned is not None and planned.state not in FIXED and base not in self._announced:
            self._announced[base] = asyncio.create_task(self._announce(base), name=f"announcement of {base}")

    async def close(self) -> None:
        """Lets go of the connections to the replicas. No call may be running."""
        for task in list(self._announced.values()):
            task.cancel()
        await asyncio.gather(*self._announced.values(), return_exceptions=True)
        await self._calls.close()

    async def _announce(self, model: str) -> None:
        try:
            await self._calls.announce(model)
        except HearthError as error:
            log.debug("a model that was announced is not loaded", model=model, reason=error.message)
        finally:
            del self._announced[model]

    async def _ask(self, model: str, method: str, request: object, shape: type[AnswerT]) -> AnswerT:
        answer: Any = await self._calls.once(model, method, request)
        assert isinstance(answer, shape), f"{model}.{method} answered {type(answer).__name__}"
        return answer

    def _addressed(self, request: GenerationRequest) -> GenerationRequest:
        """The request as its replica takes it: the base model's id, the adapter apart."""
        base = self._servable(request.model, ModelKind.LLM)
        _, _, adapter = request.model.partition(":")
        return replace(request, model=base.id, adapter=adapter or request.adapter)

    def _servable(self, model: str, kind: ModelKind) -> ModelStatus:
        planned = self._find(model, kind)
        if planned.state in FIXED:
            raise Unavailable(f"Model '{planned.id}' cannot be served here: {planned.reason}")
        return planned

    def _find(self, model: str, kind: ModelKind) -> ModelStatus:
        """The planned status; raises ModelNotFound, naming the nearest model of ``kind``."""
        base, _, adapter = model.partition(":")
        planned = self._planned.get(base)
        if planned is None or planned.kind is not kind:
            raise ModelNotFound(self._unknown(model, planned, kind))
        if adapter and adapter not in planned.adapters:
            hint = nearest(adapter, planned.adapters)
            raise ModelNotFound(f"Model '{base}' has no adapter '{adapter}'" + (f"; did you mean '{base}:{hint}'?" if hint else "."))
        return planned

    def _unknown(self, model: str, planned: ModelStatus | None, kind: ModelKind) -> str:
        fitting = [status.id for status in self._planned.values() if status.kind is kind]
        hint = nearest(model, fitting) or (fitting[0] if fitting else None)
        said = f"There is no model '{model}'" if planned is None else f"Model '{model}' is of kind {planned.kind}, not {kind}"
        return said + (f"; did you mean '{hint}'?" if hint else f", and this profile has no model of kind {kind}.")


def _overlay(planned: ModelStatus, use: ModelUse | None) -> ModelStatus:
    """``planned`` as it stands now. Before the first report everything that can be served counts as loading."""
    if planned.state in FIXED:
        return planned
    if use is None:
        return replace(planned, state=ModelState.LOADING)
    if use.failure is not None:
        return replace(planned, state=ModelState.FAILED, reason=f"It could not be started: {use.failure}")
    if use.resident:
        return replace(planned, state=ModelState.READY, device=use.device or planned.device)
    return replace(planned, state=ModelState.LOADING if use.loading else ModelState.IDLE)
