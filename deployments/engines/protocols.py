"""What a deployment asks of an engine: one small protocol for each kind of model.

An engine is one module of this package, named as in ``EngineName``, with ``load(spec: ReplicaSpec)`` returning an object of the protocol of
its kind. ``load`` is synchronous, may take seconds, and raises ConfigError (the file or setting is wrong) or EngineError (it cannot start,
does not fit), naming the file and the cure. Only those modules import heavy packages.

Generation waits, so its protocol is asynchronous. The others compute: synchronous, called in a thread by their deployment, one call at a
time unless the protocol says more. Bad content raises Unprocessable, UnsupportedMedia or TooLarge; every other failure raises EngineError.
"""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt

from cluster.contracts.generation import Generation, GenerationDelta, GenerationRequest, TokenCount
from cluster.contracts.perception import Segment, TextLine, TokenSpans, TranscriptionRequest
from cluster.contracts.serving import ReplicaSpec

if TYPE_CHECKING:
    from PIL.Image import Image  # only in the environment of the vision engines


@dataclass(frozen=True, slots=True)
class Occupancy:
    """``running`` generations hold one of ``slots``; ``queued`` wait for one."""

    slots: int
    running: int
    queued: int


class GenerationEngine(Protocol):
    """A language model. Its calls raise ContextLengthExceeded, Overloaded, NotFound (adapter), Unprocessable, BadInput or EngineError."""

    def stream(self, request: GenerationRequest) -> AsyncGenerator[Sequence[GenerationDelta], None]:
        """The first delta as soon as it is there, then whatever has arrived since the last read. Closing the iterator, or cancelling its
        reader, stops the work and frees the slot. Errors are raised by the first read, or in the middle if the engine fails there."""
        ...

    async def generate(self, request: GenerationRequest) -> Generation:
        """The whole answer. Cancelling stops the work and frees the slot."""
        ...

    async def count_tokens(self, request: GenerationRequest) -> TokenCount:
        """Of the prompt, as a generation's usage would report it. Takes no slot and waits for none; says nothing about whether it fits."""
        ...

    async def set_adapters(self, adapters: Mapping[str, str]) -> None:
        """From now on these LoRA adapters may be asked, by name, each the path of what PEFT saved or of a file of the engine's own. What
        runs goes on as it began. Raises Unprocessable, ConfigError or EngineError; then those of before may be asked, as before."""
        ...

    async def check_health(self) -> None:
        """Returns while the engine can work; raises EngineError when only a new replica helps."""
        ...

    def occupancy(self) -> Occupancy: ...

    def close(self) -> None:
        """Ends running generations (their readers get Cancelled), frees memory and ends child processes. May be called twice."""
        ...


@runtime_checkable
class Refitting(Protocol):
    """An engine that takes another number of slots, and another context, while it works."""

    async def refit(self, spec: ReplicaSpec) -> None:
        """As ``spec`` says from now on; it differs in ``parallel`` and ``context_tokens`` alone. What runs ends as it began. Raises
        ConfigError or EngineError; then all is as before."""
        ...


class EmbeddingEngine(Protocol):
    """A text embedding model. ``variant`` as in ``Embeddings``; ``dimensions`` is the vector's length; ``max_tokens`` the longest input,
    special tokens included; ``matryoshka``: whether the leading part of a vector is an embedding too; ``batch_tokens``: from how many
    tokens (padding included) a larger batch is no faster; ``lanes``: how many calls of ``embed`` at once keep all of its cores busy, where
    any number may run; None: one at a time."""

    variant: str
    dimensions: int
    max_tokens: int
    matryoshka: bool
    batch_tokens: int
    lanes: int | None

    def tokenize(self, inputs: Sequence[str | Sequence[int]], truncate: bool) -> list[list[int]]:
        """The token ids the model will see, special tokens included. Token ids as input get the special tokens they lack.

        Raises ContextLengthExceeded for an input over ``max_tokens`` unless ``truncate``, Unprocessable for ids outside the vocabulary.
        May be called from any thread, while ``embed`` runs.
        """
        ...

    def spans(self, text: str) -> TokenSpans:
        """Where the tokens of ``text`` lie, however many they are. May be called from any thread, while ``embed`` runs."""
        ...

    def embed(self, batch: Sequence[Sequence[int]]) -> npt.NDArray[np.float32]:
        """Shape (inputs, dimensions), rows of L2 norm 1. Padded to the longest of the batch: put inputs of like length together."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Pair:
    """A question and a document as a reranker reads them, special tokens included. ``types``: which of both a token is of. ``cut``: whether
    the document goes on."""

    ids: Sequence[int]
    types: Sequence[int]
    cut: bool

    def __len__(self) -> int:
        return len(self.ids)


class RerankEngine(Protocol):
    """A cross-encoder. ``max_tokens``: question, document and special tokens together; ``batch_tokens`` as for an embedding engine."""

    max_tokens: int
    batch_tokens: int

    def pair(self, query: str, documents: Sequence[str], document_tokens: int | None) -> list[Pair]:
        """Each document beside the question, cut to ``document_tokens`` and to what the model reads.

        Raises ContextLengthExceeded for a question that takes more than half of it. May be called from any thread, while ``score`` runs.
        """
        ...

    def score(self, batch: Sequence[Pair]) -> npt.NDArray[np.float32]:
        """Shape (pairs, 1): how well each document answers, in 0..1."""
        ...

    def close(self) -> None: ...


class ClipEngine(Protocol):
    """Images and texts in one space. ``variant`` as in ``Embeddings``. Vectors: float32, shape (inputs, dimensions), rows of L2 norm 1.

    May be called from several threads at once.
    """

    variant: str
    dimensions: int

    def embed_images(self, images: Iterable[Image]) -> npt.NDArray[np.float32]:
        """RGB images of any size, one at least. Each is asked for only when the one before has been scaled down."""
        ...

    def embed_texts(self, texts: Sequence[str], truncate: bool) -> tuple[npt.NDArray[np.float32], int]:
        """Vectors, and the tokens of all texts together. Raises ContextLengthExceeded for an over-long text unless ``truncate``."""
        ...

    def close(self) -> None: ...


class OcrEngine(Protocol):
    """Text from an image. ``extract`` may be called from several threads at once."""

    def extract(self, image: Image) -> tuple[TextLine, ...]:
        """Lines of an RGB image in reading order, boxes in its pixels."""
        ...

    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Heard:
    """What a transcription engine made of a sound; fields as in ``Transcript``."""

    language: str
    language_probability: float
    speech_duration: float
    segments: tuple[Segment, ...]


class TranscriptionEngine(Protocol):
    """Text from sound. ``transcribe`` may be called from several threads at once."""

    def transcribe(self, sound: npt.NDArray[np.float32], request: TranscriptionRequest, stop: threading.Event) -> Heard:
        """``sound``: mono at 16 kHz, -1..1. Raises Cancelled soon after ``stop`` is set; BadInput for a language it does not know."""
        ...

    def close(self) -> None: ...
