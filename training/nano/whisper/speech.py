"""A text said aloud by espeak-ng, with where each word and each sound of it begins.

The library comes in the wheel espeakng-loader, for development alone: its licence is the GPL, so nothing that is shipped links to it. The
Python wrappers around it (phonemizer, py-espeak-ng) give phonemes or call a program, and no moments of words.
"""

from __future__ import annotations

import ctypes
import random
import re
from bisect import bisect_right
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
from scipy.signal import resample_poly

from cluster.errors import ConfigError, EngineError
from training.nano.corpus.splits import Split

Sound = npt.NDArray[np.float32]
RATE = 16_000  # samples a second, as every Whisper hears
SAID_RATE = 22_050
# Numbers of espeak-ng's speak_lib.h.
SYNCHRONOUS, PHONEME_EVENTS, CHARACTERS, UTF8 = 2, 1, 1, 1
SPEED, PITCH, PITCH_RANGE = 1, 3, 4
END, WORD, PHONEME = 0, 1, 7
SILENCE = 0.004  # of full scale; below, at its ends, an utterance is silent
ACCENTS = ("en-us", "en-us", "en", "en-gb-x-rp")  # American, British and the British of broadcasters
VARIANTS = tuple("m1 m2 m3 m4 m6 m7 m8 f1 f2 f4 f5 Andy Annie Michael Lee Gene steph linda paul max ed adam klatt klatt4".split())
KEPT_VARIANTS = ("f3", "belinda")  # voices of the tests alone


class _Name(ctypes.Union):
    _fields_ = (("number", ctypes.c_int), ("text", ctypes.c_char_p), ("phoneme", ctypes.c_char * 8))


class _Event(ctypes.Structure):
    """espeak_EVENT."""

    _fields_ = (
        ("kind", ctypes.c_int),
        ("message", ctypes.c_uint),
        ("text_position", ctypes.c_int),
        ("length", ctypes.c_int),
        ("milliseconds", ctypes.c_int),
        ("sample", ctypes.c_int),
        ("user", ctypes.c_void_p),
        ("name", _Name),
    )


_Heard = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.POINTER(_Event))


@dataclass(frozen=True, slots=True)
class Voice:
    """``speed`` in words a minute; ``pitch`` and ``melody`` (how far it moves) from 0 to 99."""

    name: str
    speed: int
    pitch: int
    melody: int


@dataclass(frozen=True, slots=True)
class Said:
    """``words``: of each word of the text, where it begins and ends, in seconds. ``sounds``: when each begins, and espeak's name of it."""

    text: str
    sound: Sound
    words: tuple[tuple[float, float], ...]
    sounds: tuple[tuple[float, str], ...]


def voice(rng: random.Random, split: Split) -> Voice:
    """Any voice of ``split``, at any speed and pitch that people would call normal."""
    variant = rng.choice(VARIANTS if split == "train" else KEPT_VARIANTS)
    return Voice(f"{rng.choice(ACCENTS)}+{variant}", rng.randint(125, 205), rng.randint(25, 75), rng.randint(25, 75))


def say(text: str, by: Voice) -> Said:
    """The sound without the silence around it. Raises ConfigError where espeak-ng is not installed, EngineError where it fails."""
    library = _library()
    pieces, events = list[npt.NDArray[np.int16]](), list[tuple[int, int, float, str]]()

    def hear(samples: ctypes._Pointer[ctypes.c_short] | None, count: int, event: ctypes._Pointer[_Event]) -> int:
        if samples and count:
            pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
        number = 0
        while event[number].kind != END:
            one = event[number]
            name = one.name.phoneme.decode(errors="replace") if one.kind == PHONEME else ""
            events.append((one.kind, one.text_position - 1, one.milliseconds / 1000, name))
            number += 1
        return 0

    callback = _Heard(hear)
    library.espeak_SetSynthCallback(callback)
    for parameter, value in ((SPEED, by.speed), (PITCH, by.pitch), (PITCH_RANGE, by.melody)):
        library.espeak_SetParameter(parameter, value, 0)
    written = text.encode()
    if library.espeak_SetVoiceByName(by.name.encode()) or library.espeak_Synth(
        written, len(written) + 1, 0, CHARACTERS, 0, UTF8, None, None
    ):
        raise EngineError(f"espeak-ng did not say {text!r} in the voice {by.name}; reinstall espeakng-loader.")
    return _cut(text, np.concatenate(pieces), events)


def _cut(text: str, samples: npt.NDArray[np.int16], events: list[tuple[int, int, float, str]]) -> Said:
    whole = samples.astype(np.float32) / 32768
    loud = np.flatnonzero(np.abs(whole) > SILENCE)
    first, last = (int(loud[0]), int(loud[-1]) + 1) if len(loud) else (0, len(whole))
    ahead, end = first / SAID_RATE, (last - first) / SAID_RATE

    def within(moment: float) -> float:
        return min(end, max(0.0, moment - ahead))

    sounds = tuple((within(moment), name) for kind, _, moment, name in events if kind == PHONEME)
    begun = [(position, within(moment)) for kind, position, moment, _ in events if kind == WORD]
    return Said(text, resample_poly(whole[first:last], 320, 441).astype(np.float32), _spans(text, begun, end), sounds)


def _spans(text: str, begun: list[tuple[int, float]], end: float) -> tuple[tuple[float, float], ...]:
    """espeak runs some words into one; each of those has the place of the whole."""
    positions = [position for position, _ in begun]
    borders = [*(moment for _, moment in begun), end]
    spans = []
    for word in re.finditer(r"\S+", text):
        number = max(0, bisect_right(positions, word.start()) - 1)
        spans.append((borders[number], borders[number + 1]))
    return tuple(spans)


@cache
def _library() -> ctypes.CDLL:
    """Of a process there is one, and it speaks with one voice at a time."""
    try:
        import espeakng_loader  # Of development alone; what only reads sentences needs none.
    except ImportError as error:
        raise ConfigError("Speech to train or to test on is said by espeak-ng; install it: pip install 'hearth[dev]'") from error
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    if library.espeak_Initialize(SYNCHRONOUS, 200, str(espeakng_loader.get_data_path()).encode(), PHONEME_EVENTS) != SAID_RATE:
        raise EngineError(f"espeak-ng does not start from {espeakng_loader.get_data_path()}; reinstall espeakng-loader.")
    library.espeak_Synth.argtypes = (
        ctypes.c_char_p,
        ctypes.c_size_t,
        ctypes.c_uint,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_uint,
        ctypes.c_void_p,
        ctypes.c_void_p,
    )
    return library
