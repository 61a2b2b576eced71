"""What a deployment asks of an engine: one small protocol for each kind of model.

An engine is one module of this package, named as in ``EngineName``, with ``load(spec: ReplicaSpec)`` returning an object of the protocol of
its kind. ``load`` is synchronous, may take seconds, and raises ConfigError (the file or setting is wrong) or EngineError (it cannot start,
does not fit), naming the file and the cure. Only those modules import heavy packages.

Generation waits, so its protocol is asynchronous. The others compute: synchronous, called in a thread by their deployment, one call at a
time unless the protocol says more. Bad content raises Unprocessable, UnsupportedMedia or TooLarge; every other failure raises EngineError.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest
from cluster.contracts.perception import (
    Embeddings,
    ExtractedText,
    ImageEmbeddingRequest,
    TextExtractionRequest,
    Transcript,
    TranscriptionRequest,
)


@dataclass(frozen=True, slots=True)
class Occupancy:
    """``running`` generations hold one of ``slots``; ``queued`` wait for one."""

    slots: int
    running: int
    queued: int


@dataclass(frozen=True, slots=True)
class EmbeddedBatch:
    """``vectors``: float32, shape (inputs, dim), rows of L2 norm 1. ``tokens``: how many tokens each input took, after truncation."""

    vectors: npt.NDArray[np.float32]
    tokens: tuple[int, ...]


class GenerationEngine(Protocol):
    """A language model. Both calls raise ContextLengthExceeded, Overloaded, NotFound (adapter), Unprocessable, BadInput or EngineError."""

    def stream(self, request: GenerationRequest) -> AsyncIterator[Sequence[GenerationDelta]]:
        """The first delta as soon as it is there, then whatever has arrived since the last read. Closing the iterator, or cancelling its
        reader, stops the work and frees the slot. Errors are raised by the first read, or in the middle if the engine fails there."""
        ...

    async def generate(self, request: GenerationRequest) -> Generation:
        """The whole answer. Cancelling stops the work and frees the slot."""
        ...

    async def check_health(self) -> None:
        """Returns while the engine can work; raises EngineError when only a new replica helps."""
        ...

    def occupancy(self) -> Occupancy: ...

    async def close(self) -> None:
        """Ends running generations, frees memory and ends child processes. May be called twice."""
        ...


class EmbeddingEngine(Protocol):
    """A text embedding model. ``variant`` as in ``Embeddings``; ``dimensions`` is the vector's length; ``max_tokens`` the longest input."""

    variant: str
    dimensions: int
    max_tokens: int

    def embed(self, inputs: Sequence[str | Sequence[int]]) -> EmbeddedBatch:
        """Texts or token ids, mixed as they come: the inputs of several requests in one batch. Longer inputs raise TooLarge."""
        ...

    def close(self) -> None: ...


class ClipEngine(Protocol):
    """Images and texts in one space. ``variant`` as in ``Embeddings``."""

    variant: str
    dimensions: int

    def embed(self, request: ImageEmbeddingRequest) -> Embeddings: ...

    def close(self) -> None: ...


class OcrEngine(Protocol):
    """Text from an image. ``extract`` may be called from several threads at once."""

    def extract(self, request: TextExtractionRequest) -> ExtractedText: ...

    def close(self) -> None: ...


class TranscriptionEngine(Protocol):
    """Text from sound. ``transcribe`` may be called from several threads at once."""

    def transcribe(self, request: TranscriptionRequest) -> Transcript: ...

    def close(self) -> None: ...
