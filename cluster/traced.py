"""A gateway whose calls are spans, named as OpenTelemetry's conventions for generative AI have them."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import AbstractContextManager, aclosing

from opentelemetry.trace import Span, SpanKind

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, Provenance, Usage
from cluster.contracts.perception import (
    EmbeddingRequest,
    Embeddings,
    ExtractedText,
    ImageEmbeddingRequest,
    TextExtractionRequest,
    Transcript,
    TranscriptionRequest,
)
from cluster.contracts.retrieval import Reranking, RerankRequest
from cluster.forwarding import ForwardingGateway
from cluster.gateway import closable
from cluster.tracing import Attribute, span


class TracedGateway(ForwardingGateway):
    """What a model is asked for is a span; what a gateway says of itself, or counts, is none."""

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
