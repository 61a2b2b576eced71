"""A sound file, transcribed and written in the form asked for."""

from __future__ import annotations

from collections.abc import Sequence

from starlette.responses import PlainTextResponse, Response

from api.models.service import Models
from api.transcriptions.schemas import (
    DurationUsage,
    SegmentAnswer,
    TextAnswer,
    TranscribeForm,
    TranscriptData,
    TranscriptionForm,
    VerboseAnswer,
    WordAnswer,
)
from api.transcriptions.subtitles import srt, vtt
from api.web.answers import json_answer
from api.web.deps import Parts
from api.web.exchange import Exchange
from cluster.contracts.models import ModelKind
from cluster.contracts.perception import Segment, Transcript, TranscriptionRequest
from cluster.errors import BadInput
from cluster.specs.prices import Consumption


class Transcriptions:
    def __init__(self, parts: Parts, exchange: Exchange) -> None:
        self._gateway = parts.gateway
        self._models = Models(parts.gateway)
        self._exchange = exchange

    async def openai(self, form: TranscriptionForm, audio: bytes) -> Response:
        """In the ``response_format`` asked for."""
        words = "word" in form.granularities
        if form.granularities and form.response_format != "verbose_json":
            raise BadInput("'timestamp_granularities[]' needs 'response_format' verbose_json.").about("timestamp_granularities[]")
        model = await self._model(form.model)
        transcript = await self._transcribe(
            TranscriptionRequest(
                model,
                audio,
                language=form.language,
                prompt=form.prompt,
                temperature=form.temperature,
                word_timestamps=words,
                request_id=self._exchange.request_id,
            )
        )
        match form.response_format:
            case "text":
                return PlainTextResponse(transcript.text + "\n")
            case "srt":
                return PlainTextResponse(srt(transcript.segments), media_type="application/x-subrip; charset=utf-8")
            case "vtt":
                return PlainTextResponse(vtt(transcript.segments), media_type="text/vtt")
            case "json":
                return json_answer(TextAnswer(text=transcript.text, usage=DurationUsage(seconds=transcript.duration)))
        return json_answer(
            VerboseAnswer(
                language=transcript.language,
                duration=transcript.duration,
                text=transcript.text,
                segments=_segments(transcript.segments) if not words or "segment" in form.granularities else None,
                words=_words(transcript.segments) if words else None,
                usage=DurationUsage(seconds=transcript.duration),
            )
        )

    async def _transcribe(self, request: TranscriptionRequest) -> Transcript:
        transcript = await self._gateway.transcribe(request)
        self._exchange.spent.append((request.model, Consumption(audio_seconds=transcript.duration)))
        return transcript

    async def everything(self, form: TranscribeForm, audio: bytes) -> TranscriptData:
        """All that is known of the sound."""
        model = await self._model(form.model)
        transcript = await self._transcribe(
            TranscriptionRequest(
                model,
                audio,
                language=form.language,
                task=form.task,
                prompt=form.prompt,
                temperature=form.temperature,
                word_timestamps=form.word_timestamps,
                vad=form.vad,
                request_id=self._exchange.request_id,
            )
        )
        return TranscriptData(
            model=model,
            text=transcript.text,
            language=transcript.language,
            language_probability=transcript.language_probability,
            duration=transcript.duration,
            speech_duration=transcript.speech_duration,
            audio_format=transcript.audio_format,
            segments=_segments(transcript.segments),
            words=_words(transcript.segments) if form.word_timestamps else None,
        )

    async def _model(self, name: str | None) -> str:
        status = await self._models.choose(name, ModelKind.TRANSCRIPTION)
        self._exchange.serves(status)
        return status.id


def _segments(segments: Sequence[Segment]) -> list[SegmentAnswer]:
    return [
        SegmentAnswer(
            id=segment.id,
            seek=round(segment.start * 100),
            start=segment.start,
            end=segment.end,
            text=segment.text,
            tokens=list(segment.tokens),
            temperature=segment.temperature,
            avg_logprob=segment.avg_logprob,
            compression_ratio=segment.compression_ratio,
            no_speech_prob=segment.no_speech_prob,
        )
        for segment in segments
    ]


def _words(segments: Sequence[Segment]) -> list[WordAnswer]:
    return [
        WordAnswer(word=word.text.strip(), start=word.start, end=word.end, probability=word.probability)
        for segment in segments
        for word in segment.words
    ]
