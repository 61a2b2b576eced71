"""A gateway whose calls are spans, named as OpenTelemetry's conventions for generative AI have them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, aclosing

from opentelemetry.trace import Span, SpanKind

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, Provenance, TokenCount, Usage
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
from cluster.gateway import ModelGateway, closable
from cluster.tracing import Attribute, span


class TracedGateway:
    """Implements cluster.gateway.ModelGateway around ``inner``."""

    def __init__(self, inner: ModelGateway) -> None:
        self._inner = inner

    async def models(self) -> Sequence[ModelStatus]:
        return await self._inner.models()

    async def resolve(self, model: str, kind: ModelKind) -> ModelStatus:
        return await self._inner.resolve(model, kind)

    async def residency(self) -> ResidencySnapshot:
        return await self._inner.residency()

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        return await self._inner.count_tokens(request)

    async def token_spans(self, request: TokenSpansRequest) -> TokenSpans:
        return await self._inner.token_spans(request)

    async def generate(self, request: GenerationRequest) -> Generation:
        with _asking("chat", request.model) as opened:
            answer = await self._inner.generate(request)
            _answered(opened, answer.usage, answer.provenance)
            return answer

    async def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """The span ends with the stream; an event says when its first piece came."""
        with _asking("chat", request.model, current=False) as opened:
            begun = False
            async with aclosing(closable(self._inner.stream(request))) as batches:
                async for batch in batches:
                    if not begun:
                        opened.add_event("gen_ai.first_token")
                        begun = True
                    for delta in batch:
                        _answered(opened, delta.usage, delta.provenance)
                    yield batch

    async def embed(self, request: EmbeddingRequest) -> Embeddings:
        with _asking("embeddings", request.model) as opened:
            vectors = await self._inner.embed(request)
            opened.set_attribute("gen_ai.usage.input_tokens", vectors.prompt_tokens)
            return vectors

    async def rerank(self, request: RerankRequest) -> Reranking:
        with _asking("rerank", request.model):
            return await self._inner.rerank(request)

    async def embed_images(self, request: ImageEmbeddingRequest) -> Embeddings:
        with _asking("embeddings", request.model):
            return await self._inner.embed_images(request)

    async def extract_text(self, request: TextExtractionRequest) -> ExtractedText:
        with _asking("read_text", request.model):
            return await self._inner.extract_text(request)

    async def transcribe(self, request: TranscriptionRequest) -> Transcript:
        with _asking("transcribe", request.model):
            return await self._inner.transcribe(request)


def _asking(operation: str, model: str, *, current: bool = True) -> AbstractContextManager[Span]:
    about: dict[str, Attribute] = {"gen_ai.operation.name": operation, "gen_ai.request.model": model}
    return span(f"{operation} {model}", about, kind=SpanKind.CLIENT, current=current)


def _answered(opened: Span, usage: Usage | None, provenance: Provenance | None) -> None:
    if usage is not None:
        opened.set_attribute("gen_ai.usage.input_tokens", usage.prompt_tokens)
        opened.set_attribute("gen_ai.usage.output_tokens", usage.completion_tokens)
    if provenance is not None:
        opened.set_attribute("gen_ai.response.model", provenance.served_by)
