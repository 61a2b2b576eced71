"""Embeddings, images and sound: what is asked of those models and what they answer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, slots=True)
class EmbeddingRequest:
    """Texts to embed. Token ids are accepted too, as the OpenAI API does."""

    model: str
    inputs: tuple[str, ...] | tuple[tuple[int, ...], ...]
    # None: the model's own size. Smaller: the leading dimensions, normalised again (Matryoshka models only).
    dimensions: int | None = None
    # Whether a text longer than the model reads may be cut; else it is refused (ContextLengthExceeded), since a cut loses meaning silently.
    truncate: bool = False
    request_id: str = ""
    # Whether nobody waits for it, as in an ingestion: it stands back behind the requests of people.
    behind: bool = False


@dataclass(frozen=True, slots=True)
class ImageEmbeddingRequest:
    """Images (encoded bytes: JPEG PNG GIF WebP BMP) and texts to place in one CLIP space. Either may be empty, not both."""

    model: str
    images: tuple[bytes, ...] = ()
    texts: tuple[str, ...] = ()
    # As in EmbeddingRequest, for the texts.
    truncate: bool = False
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Embeddings:
    """``vectors``: float32, shape (inputs, dim), rows of L2 norm 1, in the order of the inputs (images first, then texts).

    ``variant`` names the weights' exact form (for example ``onnx-int8``); vectors of two variants are not to be mixed in one index.
    """

    vectors: npt.NDArray[np.float32]
    prompt_tokens: int
    variant: str


@dataclass(frozen=True, slots=True)
class TokenSpansRequest:
    """Where the tokens of a text lie, as the embedding model ``model`` cuts it."""

    model: str
    text: str
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class TokenSpans:
    """``spans``: int32, shape (tokens, 2), in order: the first character of a token and the one behind its last; special tokens are left
    out. ``most``: how many tokens of an input the model reads, special ones not counted."""

    spans: npt.NDArray[np.int32]
    most: int


@dataclass(frozen=True, slots=True)
class TextExtractionRequest:
    """One encoded image to read text from."""

    model: str
    image: bytes
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class TextLine:
    """``box``: four corners (x, y) in pixels of the image as sent, clockwise from the top left. ``confidence`` in 0..1."""

    text: str
    confidence: float
    box: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class ExtractedText:
    """``lines`` in reading order; ``text`` is the lines joined by newlines; sizes in pixels."""

    text: str
    lines: tuple[TextLine, ...]
    width: int
    height: int
    image_format: str


@dataclass(frozen=True, slots=True)
class TranscriptionRequest:
    """One encoded sound file (MP3 WAV FLAC AAC OGG WebM M4A). ``language``: ISO 639-1, None = detect."""

    model: str
    audio: bytes
    language: str | None = None
    task: Literal["transcribe", "translate"] = "transcribe"
    prompt: str | None = None
    temperature: float = 0.0
    word_timestamps: bool = False
    vad: bool = True
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class Word:
    """Times in seconds from the start of the file; ``probability`` in 0..1."""

    text: str
    start: float
    end: float
    probability: float


@dataclass(frozen=True, slots=True)
class Segment:
    """Times in seconds from the start of the file."""

    id: int
    text: str
    start: float
    end: float
    tokens: tuple[int, ...]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float
    words: tuple[Word, ...] = ()


@dataclass(frozen=True, slots=True)
class Transcript:
    """``duration`` of the file and ``speech_duration`` (after voice activity detection) in seconds."""

    text: str
    language: str
    language_probability: float
    duration: float
    speech_duration: float
    segments: tuple[Segment, ...]
    audio_format: str
