"""``POST /v1/audio/transcriptions`` and ``/api/v1/audio``."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from api.models.endpoints import DETAIL, WithModels
from api.models.schemas import FamilyHealth, ModelDetail
from api.transcriptions.schemas import TextAnswer, TranscribeForm, TranscriptData, TranscriptionForm
from api.transcriptions.service import Transcriptions
from api.web.answers import Success, success
from api.web.attend import attend
from api.web.bodies import content_type, query, validated
from api.web.deps import WithExchange, WithParts
from api.web.forms import is_form, read_file, read_form
from api.web.openapi import READING, WORKING, form_request, responses
from cluster.contracts.models import ModelKind
from cluster.errors import Unprocessable, UnsupportedMedia

router = APIRouter(tags=["audio"])

FORMATS = ("mp3", "wav", "flac", "aac", "ogg", "webm", "m4a")
RAW = ("audio/mpeg", "audio/wav", "audio/flac", "audio/aac", "audio/ogg", "audio/webm", "audio/mp4", "application/octet-stream")
LIMIT = "limits.audio_bytes"
KINDS = (ModelKind.TRANSCRIPTION,)

TEXT = {"text": "The goats are on the hill.", "usage": {"type": "duration", "seconds": 2.4}}
SEGMENT = {
    "id": 0,
    "seek": 0,
    "start": 0.0,
    "end": 2.4,
    "text": "The goats are on the hill.",
    "tokens": [440, 290],
    "temperature": 0.0,
    "avg_logprob": -0.2,
    "compression_ratio": 1.1,
    "no_speech_prob": 0.01,
}
DATA = {
    "model": "whisper-large-v3-turbo",
    "text": "The goats are on the hill.",
    "language": "en",
    "language_probability": 0.99,
    "duration": 2.4,
    "speech_duration": 2.1,
    "audio_format": "wav",
    "segments": [SEGMENT],
    "words": None,
}
HEALTH = {"healthy": True, "models": [DETAIL], "concurrent_tasks": 2, "formats": list(FORMATS)}


async def transcriptions(parts: WithParts, exchange: WithExchange) -> Transcriptions:
    return Transcriptions(parts, exchange)


WithTranscriptions = Annotated[Transcriptions, Depends(transcriptions)]


@router.post(
    "/v1/audio/transcriptions",
    summary="Transcribe (OpenAI's shape)",
    response_model=TextAnswer,
    responses=responses(TEXT, WORKING, media={"text/plain": "The goats are on the hill.\n", "text/vtt": "WEBVTT\n"}),
    openapi_extra=form_request(TranscriptionForm, "file"),
)
async def transcribe(request: Request, parts: WithParts, service: WithTranscriptions) -> Response:
    """Turns speech into text, in the shape of OpenAI's transcription API: json, verbose_json (segments, words), text, srt or vtt."""
    form = await read_form(request, files=("file",), max_file_bytes=parts.settings.limits.audio_bytes, setting=LIMIT)
    fields = validated(form.fields, TranscriptionForm)
    return await attend(request, service.openai(fields, form.file("file", LIMIT)))


@router.post(
    "/api/v1/audio/transcribe",
    summary="Transcribe, with everything known",
    response_model=Success[TranscriptData],
    responses=responses({"status": "success", "data": DATA}, WORKING),
    openapi_extra=form_request(TranscribeForm, "file", raw=RAW),
)
async def transcribe_fully(request: Request, parts: WithParts, service: WithTranscriptions) -> Response:
    """Turns speech into text with language, segments and (on demand) words.

    Send a form, or the sound itself as the body with the fields in the query. `model` may be left out where the profile has one
    transcription model."""
    most = parts.settings.limits.audio_bytes
    if is_form(request):
        form = await read_form(request, files=("file",), max_file_bytes=most, setting=LIMIT)
        fields, audio = validated(form.fields, TranscribeForm, Unprocessable), form.file("file", LIMIT)
    else:
        kind = content_type(request)
        if not kind.startswith(("audio/", "video/")) and kind != "application/octet-stream":
            raise UnsupportedMedia(
                f"This endpoint takes a form or a sound file, found {kind or 'no content type'}; say which in Content-Type."
            )
        fields, audio = query(request, TranscribeForm), await read_file(request, most, LIMIT)
    return success(await attend(request, service.everything(fields, audio)))


@router.get(
    "/api/v1/audio/models",
    summary="Models that take sound",
    response_model=Success[list[ModelDetail]],
    responses=responses({"status": "success", "data": [DETAIL]}, READING),
)
async def audio_models(request: Request, models: WithModels) -> Response:
    """The transcription models of the profile and their state."""
    return success(await attend(request, models.details(KINDS)))


@router.get(
    "/api/v1/audio/health",
    summary="State of the audio service",
    response_model=Success[FamilyHealth],
    responses=responses({"status": "success", "data": HEALTH}, READING),
)
async def audio_health(request: Request, parts: WithParts, models: WithModels) -> Response:
    """Whether sound can be transcribed now, by which models, how many files at once, and in which formats."""
    return success(await attend(request, models.health(KINDS, parts.settings.limits.audio_tasks, FORMATS)))
