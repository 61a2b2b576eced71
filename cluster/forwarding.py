"""A gateway that asks another one: what those that add something to it begin with."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, TokenCount
from cluster.contracts.models import ModelKind, ModelStatus
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
from cluster.contracts.residency import ResidencySnapshot
from cluster.contracts.retrieval import Reranking, RerankRequest
from cluster.gateway import ModelGateway


class ForwardingGateway:
    """Implements cluster.gateway.ModelGateway: every call is ``inner``'s, but for those that a subclass answers otherwise. ``inner`` is
    its owner's to close."""

    def __init__(self, inner: ModelGateway) -> None:
        self._inner = inner

    async def models(self) -> Sequence[ModelStatus]:
        return await self._inner.models()

    async def resolve(self, model: str, kind: ModelKind) -> ModelStatus:
        return await self._inner.resolve(model, kind)

    async def residency(self) -> ResidencySnapshot:
        return await self._inner.residency()

    async def generate(self, request: GenerationRequest) -> Generation:
        return await self._inner.generate(request)

    def stream(self, request: GenerationRequest) -> AsyncIterator[Sequence[GenerationDelta]]:
        return self._inner.stream(request)

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        return await self._inner.count_tokens(request)

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        return await self._inner.embed(request)

    async def token_spans(self, request: TokenSpansRequest) -> TokenSpans:
        return await self._inner.token_spans(request)

    async def rerank(self, request: RerankRequest) -> Reranking:
        return await self._inner.rerank(request)

    async def embed_images(self, request: ImageEmbeddingRequest) -> Embeddings:
        return await self._inner.embed_images(request)

    async def extract_text(self, request: TextExtractionRequest) -> ExtractedText:
        return await self._inner.extract_text(request)

    async def transcribe(self, request: TranscriptionRequest) -> Transcript:
        return await self._inner.transcribe(request)
