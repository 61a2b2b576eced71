"""Speech to text by faster-whisper on CTranslate2, from a local folder of a converted Whisper model. Nothing is ever downloaded.

CTranslate2 has no cap on device memory to set: its need is fixed by the weights, the beam and the window of 30 s, and is held to the
budget by the check at start.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable
from pathlib import Path

import ctranslate2  # type: ignore[import-untyped]
import faster_whisper  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt
from faster_whisper.transcribe import Segment as WhisperSegment  # type: ignore[import-untyped]
from faster_whisper.transcribe import restore_speech_timestamps
from faster_whisper.vad import collect_chunks, get_speech_timestamps  # type: ignore[import-untyped]

from cluster.contracts.perception import Segment, TranscriptionRequest, Word
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import BadInput, Cancelled, ConfigError, EngineError
from cluster.specs.loader import nearest
from deployments.engines.protocols import Heard

SAMPLE_RATE = 16_000
FILES = {"config.json", "model.bin", "tokenizer.json"}
# What Whisper's authors do at temperature 0: retry a window that repeats itself or is improbable with more and more chance.
LADDER = (0.0, 0.2, 0.4, 0.6, 0.8, 1.0)


class FasterWhisper:
    """A TranscriptionEngine."""

    def __init__(self, spec: ReplicaSpec) -> None:
        self._name = spec.model
        self._model = _load(spec)
        tokens = self._model.hf_tokenizer
        self._languages = [code for code in self._model.supported_languages if tokens.token_to_id(f"<|{code}|>") is not None] or ["en"]

    def transcribe(self, sound: npt.NDArray[np.float32], request: TranscriptionRequest, stop: threading.Event) -> Heard:
        language = self._checked_language(request)
        spoken = get_speech_timestamps(sound) if request.vad else None
        if spoken == [] or not len(sound):
            return Heard(language or "", 0.0, 0.0, ())
        # As faster-whisper's own vad_filter, which fails where nobody speaks.
        heard = np.concatenate(collect_chunks(sound, spoken)[0]) if spoken else sound
        try:
            segments, info = self._model.transcribe(
                heard,
                language=language,
                task=request.task,
                initial_prompt=request.prompt,
                temperature=request.temperature or LADDER,
                word_timestamps=request.word_timestamps,
            )
            if spoken:
                segments = restore_speech_timestamps(segments, spoken, SAMPLE_RATE)
            found = tuple(_ours(number, segment) for number, segment in enumerate(_until_stopped(segments, stop)))
        except (RuntimeError, ValueError) as error:
            raise EngineError(f"faster-whisper failed on {len(sound) / SAMPLE_RATE:.0f} s of sound: {error}") from error
        return Heard(info.language, float(info.language_probability), len(heard) / SAMPLE_RATE, found)

    def close(self) -> None:
        self._model.model.unload_model()

    def _checked_language(self, request: TranscriptionRequest) -> str | None:
        multilingual = self._model.model.is_multilingual
        if request.task == "translate" and not multilingual:
            raise BadInput(f"Model '{self._name}' hears English only, so there is nothing to translate; ask for task 'transcribe'.")
        if request.language is None or request.language in self._languages:
            return request.language
        hint = nearest(request.language, self._languages)
        known = f"did you mean '{hint}'?" if hint else f"it knows {', '.join(self._languages)}."
        raise BadInput(f"Model '{self._name}' does not know the language '{request.language}' (a code of ISO 639-1, such as 'en'); {known}")


def _until_stopped(segments: Iterable[WhisperSegment], stop: threading.Event) -> Iterable[WhisperSegment]:
    """The segments, each computed when it is asked for; raises Cancelled in between."""
    for segment in segments:
        if stop.is_set():
            raise Cancelled("The caller left before the transcription was done.")
        yield segment


def _ours(number: int, segment: WhisperSegment) -> Segment:
    return Segment(
        id=number,
        text=segment.text,
        start=float(segment.start),
        end=float(segment.end),
        tokens=tuple(segment.tokens),
        temperature=float(segment.temperature or 0.0),
        avg_logprob=float(segment.avg_logprob),
        compression_ratio=float(segment.compression_ratio),
        no_speech_prob=float(segment.no_speech_prob),
        words=tuple(Word(word.word, float(word.start), float(word.end), float(word.probability)) for word in segment.words or ()),
    )


def _load(spec: ReplicaSpec) -> faster_whisper.WhisperModel:
    folder = Path(spec.path)
    missing = sorted(FILES - {path.name for path in folder.iterdir()} if folder.is_dir() else FILES)
    if missing:
        raise ConfigError(
            f"{folder} lacks {', '.join(missing)}; name the folder of a Whisper model converted for CTranslate2, or pull it again."
        )
    able = ctranslate2.get_supported_compute_types(spec.device)
    if spec.dtype not in able:
        raise ConfigError(f"Model '{spec.model}': this {spec.device} computes Whisper in {', '.join(sorted(able))}, not {spec.dtype}.")
    try:
        return faster_whisper.WhisperModel(
            str(folder),
            device=spec.device,
            compute_type=spec.dtype,
            cpu_threads=spec.threads,
            num_workers=spec.max_tasks or 1,
            local_files_only=True,
        )
    except (RuntimeError, ValueError, OSError) as error:
        raise EngineError(
            f"{folder} does not start in faster-whisper: {error}. Pull the model again, or give it a larger budget."
        ) from error


def load(spec: ReplicaSpec) -> FasterWhisper:
    return FasterWhisper(spec)
