"""Sound to text: the deployment of every transcription model."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from cluster.contracts.perception import Segment, Transcript, TranscriptionRequest
from cluster.contracts.serving import ReplicaSpec, ReplicaStats
from cluster.errors import Cancelled
from deployments import sound
from deployments.engines.protocols import Heard, TranscriptionEngine
from deployments.pauses import parts
from deployments.replica import Replica
from deployments.tasks import Tasks

# When the settings name no limit.
DEFAULT_TASKS = 2
# Engines turn a whole part into features at once (about 1 MB a second), so parts are bounded; a cut is looked for in the last minute.
PART_S, SEARCH_S = 1200.0, 60.0
# What was said last goes before the next part as its prompt, in characters.
CARRIED = 200


class Transcription:
    """One replica."""

    def __init__(self, spec: ReplicaSpec | Mapping[str, Any]) -> None:
        self._replica = Replica(spec)
        self._engine: TranscriptionEngine = self._replica.engine
        self._tasks = Tasks(self._replica.spec.max_tasks or DEFAULT_TASKS, "transcribe")

    async def transcribe(self, request: TranscriptionRequest) -> Transcript:
        """What was said. Cancelling stops the work after the segment it is at.

        Raises UnsupportedMedia, TooLarge or Unprocessable (a file that cannot be read), BadInput (a language the model does not know),
        EngineError.
        """
        return await self._tasks.run(self._transcribe, request)

    async def check_health(self) -> None:
        """A file takes minutes, so health is that of the threads: work that is running will end."""
        await self._replica.note_memory()
        if not self._tasks.running:
            await self._tasks.run(lambda _: None)

    def stats(self) -> ReplicaStats:
        return self._replica.stats(self._tasks.slots, self._tasks.running, self._tasks.queued)

    def __del__(self) -> None:
        # Called by Serve when the replica stops; nothing to close: the load failed.
        if hasattr(self, "_tasks"):
            self._tasks.close()
            self._engine.close()

    def _transcribe(self, stop: threading.Event, request: TranscriptionRequest) -> Transcript:
        decoded = sound.decode(request.audio, self._replica.spec.max_audio_seconds)
        heard: list[Heard] = []
        segments: list[Segment] = []
        for start, samples in parts(decoded.samples, sound.SAMPLE_RATE, PART_S, SEARCH_S):
            if stop.is_set():
                raise Cancelled("The caller left before the transcription was done.")
            part = self._engine.transcribe(samples, _continued(request, heard, segments), stop)
            heard.append(part)
            segments.extend([_moved(segment, len(segments), start, decoded.duration) for segment in part.segments])
        first = next((part for part in heard if part.segments), heard[0])
        return Transcript(
            text="".join(segment.text for segment in segments).strip(),
            language=first.language,
            language_probability=first.language_probability,
            duration=decoded.duration,
            speech_duration=sum(part.speech_duration for part in heard),
            segments=tuple(segments),
            audio_format=decoded.format,
        )


def _continued(request: TranscriptionRequest, heard: list[Heard], segments: list[Segment]) -> TranscriptionRequest:
    """The request for the next part: in the language found so far, with the last words as the prompt."""
    if not segments:
        return request
    spoken = next(part.language for part in heard if part.segments)
    tail = "".join(segment.text for segment in segments[-8:])[-CARRIED:]
    return replace(request, language=request.language or spoken, prompt=tail)


def _moved(segment: Segment, number: int, start: float, duration: float) -> Segment:
    """``segment`` of a part that begins at ``start``, in the time of the whole file (a model may place an end beyond it)."""

    def moved(seconds: float) -> float:
        return min(start + seconds, duration)

    words = tuple(replace(word, start=moved(word.start), end=moved(word.end)) for word in segment.words)
    return replace(segment, id=number + segment.id, start=moved(segment.start), end=moved(segment.end), words=words)
