from __future__ import annotations

import io
from contextlib import suppress

import numpy as np
import pytest
from PIL import Image

from cluster.errors import TooLarge, Unprocessable, UnsupportedMedia
from deployments.sound import SAMPLE_RATE, decode
from tests.deployments.fixtures.encoded import ENCODERS, encode, silent_video, wav

TONE_HZ = 440


def tone(seconds: float) -> np.ndarray:
    time = np.arange(int(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    return (0.3 * np.sin(2 * np.pi * TONE_HZ * time)).astype(np.float32)


@pytest.mark.parametrize("name", ENCODERS)
def test_every_format_is_read_and_named_by_its_content(name: str) -> None:
    sound = decode(encode(tone(2.0), name), 60)
    assert sound.format == name
    assert sound.duration == pytest.approx(2.0, abs=0.1)
    assert sound.samples.dtype == np.float32
    strongest = np.abs(np.fft.rfft(sound.samples)).argmax() / sound.duration
    assert strongest == pytest.approx(TONE_HZ, abs=2)


def test_several_channels_become_one() -> None:
    both = np.repeat((tone(1.0) * 32767).astype("<i2")[:, None], 2, axis=1)
    mono = wav(tone(1.0))
    stereo = bytearray(mono[:44] + both.tobytes())
    stereo[22:24], stereo[32:34] = (2).to_bytes(2, "little"), (4).to_bytes(2, "little")
    stereo[28:32] = (4 * SAMPLE_RATE).to_bytes(4, "little")
    stereo[40:44], stereo[4:8] = (both.nbytes).to_bytes(4, "little"), (both.nbytes + 36).to_bytes(4, "little")
    assert decode(bytes(stereo), 60).duration == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("name", ["wav", "flac", "aac", "webm", "m4a"])
def test_a_file_cut_off_in_the_middle_is_unprocessable(name: str) -> None:
    whole = encode(tone(8.0), name)
    with pytest.raises(Unprocessable, match="cut off"):
        decode(whole[: len(whole) // 2], 60)


@pytest.mark.parametrize("name", ENCODERS)
def test_the_first_few_bytes_alone_are_unprocessable(name: str) -> None:
    with pytest.raises(Unprocessable):
        decode(encode(tone(1.0), name)[:48], 60)


def test_a_stream_that_never_learned_its_length_is_read() -> None:
    endless = bytearray(wav(tone(1.0)))
    endless[4:8] = endless[40:44] = b"\xff\xff\xff\xff"
    assert decode(bytes(endless), 60).duration == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("name", ENCODERS)
def test_sound_over_the_limit_is_refused_while_it_is_decoded(name: str) -> None:
    with pytest.raises(TooLarge, match=r"longer than 2 s; .* limits\.audio_seconds"):
        decode(encode(tone(5.0), name), 2)


def test_a_header_that_claims_one_sample_a_second_does_not_cost_memory() -> None:
    lying = bytearray(wav(tone(1.0)))
    lying[24:28] = (1).to_bytes(4, "little")
    with pytest.raises(TooLarge):
        decode(bytes(lying), 60)


def test_no_bytes_and_no_samples_are_unprocessable() -> None:
    with pytest.raises(Unprocessable, match="empty"):
        decode(b"", 60)
    with pytest.raises(Unprocessable):
        decode(wav(np.zeros(0, np.float32)), 60)


def test_a_video_without_sound_is_refused_as_such() -> None:
    with pytest.raises(UnsupportedMedia, match="without a sound track"):
        decode(silent_video(), 60)


def png() -> bytes:
    buffer = io.BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (png(), "a PNG image"),
        (b"%PDF-1.4", "a PDF document"),
        (b"what was said is written here", "text"),
        (b"#EXTM3U\nhttp://localhost/secret\n", "a playlist"),
        (b"FORM\0\0\0\0AIFF", "an AIFF sound"),
        (b"RIFF\0\0\0\0AVI LIST", "an AVI video"),
        (b"\0\0\0\x20ftypheic\0\0\0\0", "a HEIC image"),
    ],
)
def test_other_bytes_are_refused_by_what_they_are(data: bytes, found: str) -> None:
    with pytest.raises(UnsupportedMedia, match=f"{found}; send MP3, WAV, FLAC, AAC, OGG, WebM or M4A"):
        decode(data, 60)


def test_random_damage_never_raises_anything_but_our_errors() -> None:
    rng = np.random.default_rng(2)
    for name in ENCODERS:
        whole = encode(tone(0.5), name)
        for _ in range(30):
            damaged = bytearray(whole)
            for place in rng.integers(0, len(whole), 5):
                damaged[place] = int(rng.integers(0, 256))
            with suppress(TooLarge, Unprocessable, UnsupportedMedia):
                decode(bytes(damaged), 5)
