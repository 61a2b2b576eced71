from __future__ import annotations

import asyncio
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from cluster.contracts.perception import TranscriptionRequest
from cluster.contracts.serving import ReplicaSpec
from cluster.errors import BadInput, Cancelled, ConfigError, TooLarge, Unprocessable, UnsupportedMedia
from deployments.audio import Transcription
from tests.deployments.fixtures.encoded import ENCODERS, encode, wav
from tests.deployments.fixtures.speech import RATE, say

SpecFactory = Callable[..., ReplicaSpec]
RED_BLUE = say(["red", "blue"], pitch=130)
BLAU_ROT = say(["blau", "rot"], pitch=130)


def heard(samples: np.ndarray, **others: object) -> TranscriptionRequest:
    return TranscriptionRequest("tiny-whisper", wav(samples), **others)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def transcription(tiny_whisper: SpecFactory) -> Transcription:
    return Transcription(tiny_whisper(max_audio_seconds=20.0).model_dump(mode="json"))


async def test_words_are_heard_and_their_language_is_found(transcription: Transcription) -> None:
    english = await transcription.transcribe(heard(RED_BLUE))
    assert (english.text, english.language, english.audio_format) == ("red blue", "en", "wav")
    assert english.language_probability > 0.5
    assert english.duration == pytest.approx(len(RED_BLUE) / RATE)
    german = await transcription.transcribe(heard(BLAU_ROT))
    assert (german.text, german.language) == ("blau rot", "de")


async def test_a_translation_is_in_english(transcription: Transcription) -> None:
    assert (await transcription.transcribe(heard(BLAU_ROT, task="translate"))).text == "blue red"


@pytest.mark.parametrize("name", sorted(set(ENCODERS) - {"wav"}))
async def test_every_format_is_heard_the_same(transcription: Transcription, name: str) -> None:
    found = await transcription.transcribe(TranscriptionRequest("tiny-whisper", encode(RED_BLUE, name)))
    assert (found.text, found.audio_format) == ("red blue", name)


async def test_words_have_times_within_the_file(transcription: Transcription) -> None:
    found = await transcription.transcribe(heard(RED_BLUE, word_timestamps=True))
    words = [word for segment in found.segments for word in segment.words]
    assert [word.text.strip() for word in words] == ["red", "blue"]
    times = [time for word in words for time in (word.start, word.end)]
    assert times == sorted(times)
    assert 0 <= times[0] <= times[-1] <= found.duration
    assert (await transcription.transcribe(heard(RED_BLUE))).segments[0].words == ()


async def test_times_are_of_the_whole_file_also_when_silence_was_left_out(transcription: Transcription) -> None:
    late = np.concatenate([np.zeros(6 * RATE, np.float32), RED_BLUE])
    found = await transcription.transcribe(heard(late))
    assert found.text == "red blue"
    assert found.segments[0].start > 5
    assert found.speech_duration < 4 < found.duration


async def test_silence_has_no_words(transcription: Transcription) -> None:
    found = await transcription.transcribe(heard(np.zeros(2 * RATE, np.float32)))
    assert (found.text, found.segments, found.speech_duration) == ("", (), 0.0)


async def test_the_whole_file_is_heard_when_voice_detection_is_off(transcription: Transcription) -> None:
    found = await transcription.transcribe(heard(RED_BLUE, vad=False, language="en"))
    assert found.text == "red blue"
    assert found.speech_duration == found.duration


async def test_an_unknown_language_is_refused_with_the_nearest(transcription: Transcription) -> None:
    with pytest.raises(BadInput, match=r"does not know the language 'eng'.*did you mean 'en'\?"):
        await transcription.transcribe(heard(RED_BLUE, language="eng"))
    with pytest.raises(BadInput, match="'fr'"):
        await transcription.transcribe(heard(RED_BLUE, language="fr"))


async def test_bad_files_are_refused(transcription: Transcription) -> None:
    for data, error in ((b"", Unprocessable), (b"%PDF-1.7", UnsupportedMedia), (wav(np.zeros(21 * RATE, np.float32)), TooLarge)):
        with pytest.raises(error):
            await transcription.transcribe(TranscriptionRequest("tiny-whisper", data))


async def test_several_files_at_once_are_each_heard(transcription: Transcription) -> None:
    answers = await asyncio.gather(*(transcription.transcribe(heard(sound)) for sound in (RED_BLUE, BLAU_ROT) * 3))
    assert [answer.text for answer in answers] == ["red blue", "blau rot"] * 3
    await transcription.check_health()
    assert transcription.stats().slots == 2


def test_an_engine_that_is_told_to_stop_stops_between_segments(tiny_whisper: SpecFactory) -> None:
    from deployments.engines.faster_whisper import load

    engine, stop = load(tiny_whisper()), threading.Event()
    stop.set()
    with pytest.raises(Cancelled):
        engine.transcribe(RED_BLUE, heard(RED_BLUE), stop)


@pytest.mark.parametrize("name", ["tokenizer.json", "model.bin"])
def test_a_folder_without_a_file_is_an_error_that_names_it_and_nothing_is_downloaded(
    tiny_whisper: SpecFactory, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "whisper"
    shutil.copytree(tiny_whisper().path, folder)
    (folder / name).unlink()
    with pytest.raises(ConfigError, match=f"lacks {name}"):
        Transcription(tiny_whisper(path=folder))


def test_a_type_the_device_cannot_compute_in_is_refused(tiny_whisper: SpecFactory) -> None:
    with pytest.raises(ConfigError, match=r"computes Whisper in .*int8.*, not float16"):
        Transcription(tiny_whisper(dtype="float16"))
