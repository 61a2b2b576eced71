"""The gateway: the one way from any room to the models, whatever serves them and wherever they are.

``ModelGateway`` is what callers depend on; ``ServeGateway`` (cluster/serving/gateway.py) is the one that is real.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from typing import Protocol

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


class ModelGateway(Protocol):
    """Calls by model id. Every call may wait for its model to become resident.

    Raises ModelNotFound (unknown id, or a model of another kind; names the nearest), Unavailable ("retry in N s": not resident within
    ``residency.max_wait_s``, or not pulled), Overloaded (queue full), DeadlineExceeded, EngineError, and from the engine, for content it
    cannot take, Unprocessable, UnsupportedMedia or TooLarge. Cancelling the awaiting task, or closing the stream, stops the engine's work.
    """

    async def models(self) -> Sequence[ModelStatus]:
        """All models of the profile, in the profile's order."""
        ...

    async def resolve(self, model: str, kind: ModelKind) -> ModelStatus:
        """The status of ``model`` (``<base>:<adapter>`` names an adapter of a language model), checked to be of ``kind``."""
        ...

    async def residency(self) -> ResidencySnapshot:
        """Who is on the cards, who waits, and what was decided lately."""
        ...

    async def generate(self, request: GenerationRequest) -> Generation: ...

    def stream(self, request: GenerationRequest) -> AsyncIterator[Sequence[GenerationDelta]]:
        """Deltas in order, several at a time when the reader is slower than the model. The last delta carries finish_reason and usage."""
        ...

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        """Of the prompt, as the model asked first would see it: chat template and tools included, nothing generated. What a local model
        counts is what its answer's usage says; a provider's is counted here, exactly where its vocabulary is known."""
        ...

    async def embed(self, request: EmbeddingRequest) -> Embeddings: ...

    async def token_spans(self, request: TokenSpansRequest) -> TokenSpans:
        """The whole text is held in tokens at once, some hundred bytes each: ``cluster.text.tokens`` asks for long ones in parts."""
        ...

    async def rerank(self, request: RerankRequest) -> Reranking: ...

    async def embed_images(self, request: ImageEmbeddingRequest) -> Embeddings: ...

    async def extract_text(self, request: TextExtractionRequest) -> ExtractedText: ...

    async def transcribe(self, request: TranscriptionRequest) -> Transcript: ...


async def closable(batches: AsyncIterator[Sequence[GenerationDelta]]) -> AsyncGenerator[Sequence[GenerationDelta], None]:
    """The same stream, closed as soon as whoever reads it is gone."""
    try:
        async for batch in batches:
            yield batch
    finally:
        if isinstance(batches, AsyncGenerator):
            await batches.aclose()
