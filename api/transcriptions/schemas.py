"""The forms of the audio endpoints and what they answer."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.generation.schemas import unsupported
from api.web.schema import Answer, FormBody, ModelId

Language = Annotated[str, Field(pattern=r"^[a-z]{2,3}$", description="ISO 639-1; without it the language is detected.")]
Temperature = Annotated[float, Field(ge=0, le=1)]


class TranscriptionForm(FormBody):
    """Text fields of ``POST /v1/audio/transcriptions``; the file stands in ``file``."""

    model: ModelId
    language: Language | None = None
    prompt: str | None = Field(None, max_length=10_000, description="Words to expect: names, jargon.")
    response_format: Literal["json", "text", "srt", "verbose_json", "vtt"] = "json"
    temperature: Temperature = 0.0
    granularities: list[Literal["segment", "word"]] = Field([], alias="timestamp_granularities[]", description="With verbose_json.")
    stream: Literal["false"] | None = Field(None, description="Transcripts come whole.")
    chunking_strategy: Literal["auto"] | None = Field(None, description="Long sound is always cut by voice activity.")
    include: Annotated[None, unsupported("log probabilities of transcripts are not offered; verbose_json has them per segment")] = Field(
        None, alias="include[]"
    )


class TranscribeForm(FormBody):
    """Fields of ``POST /api/v1/audio/transcribe``, in a form beside ``file``, or in the query beside a raw body."""

    model: ModelId | None = Field(None, description="May be left out where the profile has one transcription model.")
    language: Language | None = None
    task: Literal["transcribe", "translate"] = Field("transcribe", description="translate: into English.")
    prompt: str | None = Field(None, max_length=10_000, description="Words to expect: names, jargon.")
    temperature: Temperature = 0.0
    word_timestamps: bool = Field(False, description="Times for each word.")
    vad: bool = Field(True, description="Skip what is not speech.")


class DurationUsage(Answer):
    type: Literal["duration"] = "duration"
    seconds: float


class TextAnswer(Answer):
    text: str
    usage: DurationUsage


class WordAnswer(Answer):
    word: str
    start: float = Field(description="Seconds from the start of the file.")
    end: float
    probability: float | None = None


class SegmentAnswer(Answer):
    id: int
    seek: int = Field(description="Start in hundredths of a second.")
    start: float = Field(description="Seconds from the start of the file.")
    end: float
    text: str
    tokens: list[int]
    temperature: float
    avg_logprob: float
    compression_ratio: float
    no_speech_prob: float


class VerboseAnswer(Answer):
    task: Literal["transcribe"] = "transcribe"
    language: str = Field(description="ISO 639-1.")
    duration: float = Field(description="Seconds.")
    text: str
    segments: list[SegmentAnswer] | None = None
    words: list[WordAnswer] | None = None
    usage: DurationUsage


class TranscriptData(Answer):
    model: str
    text: str
    language: str = Field(description="ISO 639-1.")
    language_probability: float
    duration: float = Field(description="Seconds.")
    speech_duration: float = Field(description="Seconds that hold speech.")
    audio_format: str
    segments: list[SegmentAnswer]
    words: list[WordAnswer] | None
