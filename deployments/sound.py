"""Encoded sound to samples, safely: the format judged by content, the length limited by what is decoded and not by what a header says."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass

import av
import numpy as np
import numpy.typing as npt
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.container import InputContainer

from cluster.errors import TooLarge, Unprocessable, UnsupportedMedia
from deployments.media import describe

SAMPLE_RATE = 16_000
READABLE = "MP3, WAV, FLAC, AAC, OGG, WebM or M4A"
# Our names of formats to FFmpeg's demuxers. One is always named: left to guess, FFmpeg also takes playlists, which open other files.
_DEMUXERS = {"mp3": "mp3", "wav": "wav", "flac": "flac", "aac": "aac", "ogg": "ogg", "webm": "matroska", "m4a": "mp4"}
# Formats whose header states the duration, so that a file cut off in the middle is noticed.
_STATED = {"flac", "webm", "m4a"}
# What a recorder writes into a WAV header before it knows the size.
_UNKNOWN_SIZE = 0x7FFF_0000


@dataclass(frozen=True, slots=True)
class Sound:
    """``samples``: float32, mono, 16 kHz, -1..1. ``duration`` in seconds. ``format``: mp3, wav, flac, aac, ogg, webm or m4a."""

    samples: npt.NDArray[np.float32]
    format: str

    @property
    def duration(self) -> float:
        return len(self.samples) / SAMPLE_RATE


def decode(data: bytes, max_seconds: float) -> Sound:
    """The sound in ``data``; of a video, its first sound track.

    Raises UnsupportedMedia (says what was found instead), TooLarge (as soon as more than ``max_seconds`` have been decoded),
    Unprocessable (the format is right, the content is broken, cut off or empty).
    """
    if not data:
        raise Unprocessable(f"The sound file is empty; send {READABLE}.")
    name = sniff(data)
    if name is None:
        raise UnsupportedMedia(f"This is not sound that can be read but {describe(data)}; send {READABLE}.")
    try:
        with av.open(io.BytesIO(data), mode="r", format=_DEMUXERS[name], metadata_errors="ignore") as container:
            if not container.streams.audio:
                raise UnsupportedMedia(f"The file is {describe(data)} without a sound track; send {READABLE}.")
            stated = None if container.duration is None or name not in _STATED else container.duration / av.time_base
            pieces = list(_limited(_samples(container), max_seconds))
    except (av.FFmpegError, ValueError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise Unprocessable(f"The {name.upper()} file is broken or cut off ({why}); send the whole file.") from error
    sound = Sound(np.concatenate(pieces) if pieces else np.zeros(0, np.float32), name)
    _check_whole(sound, stated, data)
    return sound


def sniff(data: bytes) -> str | None:
    """The format by its first bytes, None when it is none that is read."""
    if data[:3] == b"ID3" and len(data) > 10:
        size = sum((byte & 0x7F) << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
        return sniff(data[10 + size : 10 + size + 64]) or "mp3"
    if data[:4] in (b"RIFF", b"RF64") and data[8:12] == b"WAVE":
        return "wav"
    if data[4:8] == b"ftyp":
        return None if data[8:12] in (b"avif", b"avis", b"heic", b"heix", b"mif1") else "m4a"
    for prefix, name in ((b"fLaC", "flac"), (b"OggS", "ogg"), (b"\x1aE\xdf\xa3", "webm")):
        if data.startswith(prefix):
            return name
    return _mpeg(data)


def _mpeg(data: bytes) -> str | None:
    """MP3 and ADTS AAC frames both start with eleven set bits; AAC's layer bits are 00."""
    if len(data) < 4 or data[0] != 0xFF or data[1] & 0xE0 != 0xE0:
        return None
    if data[1] & 0xF6 == 0xF0:
        return "aac"
    version, layer, bitrate, rate = data[1] >> 3 & 3, data[1] >> 1 & 3, data[2] >> 4, data[2] >> 2 & 3
    return "mp3" if version != 1 and layer != 0 and bitrate != 15 and rate != 3 else None


def _samples(container: InputContainer) -> Iterator[npt.NDArray[np.float32]]:
    resampler = AudioResampler(format="flt", layout="mono", rate=SAMPLE_RATE)
    for frame in _frames(container):
        for piece in resampler.resample(frame):
            yield piece.to_ndarray()[0]
    for piece in resampler.resample(None):
        yield piece.to_ndarray()[0]


def _frames(container: InputContainer) -> Iterator[AudioFrame]:
    """Decoded frames. A damaged packet now and then is skipped, as every player does; many of them, or one at the very end, raise."""
    packets = damaged = 0
    last: av.FFmpegError | None = None
    for packet in container.demux(audio=0):
        packets += 1
        try:
            frames = packet.decode()
        except av.error.InvalidDataError as error:
            damaged, last = damaged + 1, error
            if damaged > 3 + packets // 50:
                raise
            continue
        if frames:
            last = None
        yield from (frame for frame in frames if isinstance(frame, AudioFrame))
    if last is not None:
        raise last


def _limited(pieces: Iterator[npt.NDArray[np.float32]], max_seconds: float) -> Iterator[npt.NDArray[np.float32]]:
    left = int(max_seconds * SAMPLE_RATE)
    for piece in pieces:
        left -= len(piece)
        if left < 0:
            raise TooLarge(f"The sound is longer than {max_seconds:g} s; send it in parts, or raise the setting limits.audio_seconds.")
        yield piece


def _check_whole(sound: Sound, stated: float | None, data: bytes) -> None:
    name = sound.format.upper()
    if not len(sound.samples):
        raise Unprocessable(f"The {name} file holds no sound; record it again.")
    if stated is not None and sound.duration < 0.9 * stated - 1:
        raise Unprocessable(
            f"The {name} file is cut off: its header states {stated:.1f} s, it holds {sound.duration:.1f} s; send it whole."
        )
    size = 8 + int.from_bytes(data[4:8], "little")
    if sound.format == "wav" and 1.1 * len(data) < size < _UNKNOWN_SIZE:
        raise Unprocessable(f"The {name} file is cut off: its header states {size} bytes, it has {len(data)}; send it whole.")
