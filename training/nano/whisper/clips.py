"""Clips to train on: a few utterances one after the other, with noise, and what a Whisper is to write of them."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt

from training.nano.whisper.mels import FRAMES_A_SECOND, Mels, looks, powers
from training.nano.whisper.rooms import in_room, noise
from training.nano.whisper.sentences import text
from training.nano.whisper.speech import RATE, say, voice
from training.nano.whisper.words import EARLIER, END, MOMENT_S, NO_SPEECH, NO_TIMES, START, moment, token, words_as_tokens

SOUNDS = 64  # kinds of sound, by a hash of their names: that a few share a number does no harm to what only helps to learn
PAUSE, NOT_ASKED = 0, -100
Span = tuple[float, float]
NOWHERE: Span = (0.0, 0.0)
NOISE_S = 6
WINDOW_S = 30
IN_ROOM, CLEAN, SILENT, PROMPTED, WITHOUT_TIMES = 0.5, 0.25, 0.03, 0.1, 0.25  # shares


@dataclass(frozen=True, slots=True)
class Utterance:
    """``logs``: float16 logarithms of the power of each band. ``words`` and ``sounds`` as espeak says them, in seconds."""

    text: str
    logs: npt.NDArray[np.float16]
    words: tuple[Span, ...]
    sounds: tuple[tuple[float, str], ...]

    @property
    def frames(self) -> int:
        return int(self.logs.shape[1])

    @property
    def seconds(self) -> float:
        return self.words[-1][1]


@dataclass(frozen=True, slots=True)
class Clip:
    """``looks``: what the network sees, without what fills it up. ``tokens``: what it is to write, and before START what was said before;
    ``spans``: where in the sound each is heard, NOWHERE for those that are not. ``sounds``: the kind of sound in every 20 ms."""

    looks: Mels
    tokens: list[int]
    spans: list[Span]
    sounds: npt.NDArray[np.int64]


def utterance(rng: random.Random, ease: float) -> Utterance:
    """Something new, in any voice and room of training."""
    said = say(text(rng, ease), voice(rng, "train"))
    sound = in_room(said.sound, rng) if rng.random() < IN_ROOM else said.sound
    return Utterance(said.text, np.log10(np.maximum(powers(sound), 1e-7)).astype(np.float16), said.words, said.sounds)


def noises(rng: random.Random, count: int) -> list[Mels]:
    """Power of some noises, each of the mean 1."""
    made = [powers(noise(NOISE_S * RATE, rng)) for _ in range(count)]
    return [power / power.mean() for power in made]


def clip(said: Sequence[Utterance], noise_powers: Sequence[Mels], rng: random.Random) -> Clip:
    """All of ``said``, one after the other, as far as the window of 30 s lasts; of none, a clip of noise."""
    starts = _laid(said, rng)
    frames = max(100, *(_frame(start) + one.frames for start, one in zip(starts, said, strict=True))) if said else rng.randrange(100, 300)
    power = np.zeros((len(noise_powers[0]), frames), dtype=np.float32)
    for start, one in zip(starts, said, strict=True):
        loudness = rng.uniform(-0.6, 0.0)
        power[:, _frame(start) : _frame(start) + one.frames] += 10.0 ** (one.logs.astype(np.float32) + loudness)
    power = _noisy(power * _tilt(len(power), rng), noise_powers, rng)[:, : WINDOW_S * FRAMES_A_SECOND]
    tokens, spans = _written(said, starts, rng)
    return Clip(looks(power), tokens, spans, _kinds(said, starts, power.shape[1] // 2))


def _laid(said: Sequence[Utterance], rng: random.Random) -> list[float]:
    """When each begins."""
    starts, now = list[float](), rng.choice((0.0, rng.uniform(0.0, 0.9)))
    for one in said:
        starts.append(round(now / MOMENT_S) * MOMENT_S)
        now += one.frames / FRAMES_A_SECOND + rng.uniform(0.15, 1.2)
    return starts


def _frame(moment_s: float) -> int:
    return round(moment_s * FRAMES_A_SECOND)


def _tilt(bands: int, rng: random.Random) -> npt.NDArray[np.float32]:
    slope, bend = rng.uniform(-0.8, 0.8), rng.uniform(-0.5, 0.5)
    across = np.linspace(-1.0, 1.0, bands, dtype=np.float32)[:, None]
    return np.asarray(10.0 ** (slope * across + bend * across**2), dtype=np.float32)


def _noisy(power: Mels, noise_powers: Sequence[Mels], rng: random.Random) -> Mels:
    if rng.random() < CLEAN:
        return power
    heard = rng.choice(noise_powers)
    whole = np.tile(heard, -(-power.shape[1] // heard.shape[1]))[:, : power.shape[1]]
    level = power.mean() or 1e-4
    return np.asarray(
        power + np.roll(whole, rng.randrange(whole.shape[1]), axis=1) * level * 10 ** -rng.uniform(1.5, 4.5), dtype=np.float32
    )


def _written(said: Sequence[Utterance], starts: Sequence[float], rng: random.Random) -> tuple[list[int], list[Span]]:
    """What is to be written, each with its place. An utterance that the window cuts is a moment at which the next window begins."""
    if not said:
        return [token(START), token(NO_SPEECH), token(END)], [NOWHERE] * 3
    written = list[tuple[int, Span]]()
    if rng.random() < PROMPTED:
        written = [(token(EARLIER), NOWHERE), *((one, NOWHERE) for one, _ in words_as_tokens(rng.choice(said).text))]
    written.append((token(START), NOWHERE))
    cut = starts[-1] + said[-1].seconds > WINDOW_S
    times = cut or rng.random() >= WITHOUT_TIMES
    if not times:
        written.append((token(NO_TIMES), NOWHERE))
    for start, one in zip(starts, said, strict=True):
        if times and start < WINDOW_S:
            written.append(_at(start))
        if start + one.seconds > WINDOW_S:
            break
        written.extend((id_, (start + one.words[word][0], start + one.words[word][1])) for id_, word in words_as_tokens(one.text))
        if times:
            written.append(_at(start + one.seconds))
    written.append((token(END), NOWHERE))
    return [id_ for id_, _ in written], [span for _, span in written]


def _at(seconds: float) -> tuple[int, Span]:
    return moment(seconds), (max(0.0, seconds - 0.1), seconds + 0.1)


def _kinds(said: Sequence[Utterance], starts: Sequence[float], positions: int) -> npt.NDArray[np.int64]:
    kinds = np.full(positions, PAUSE, dtype=np.int64)
    for start, one in zip(starts, said, strict=True):
        begun = [round((start + when) / MOMENT_S) for when, _ in one.sounds]
        ends = [*begun[1:], round((start + one.seconds) / MOMENT_S)]
        for (_, name), first, last in zip(one.sounds, begun, ends, strict=False):
            kinds[first:last] = PAUSE if name.startswith("_") else 1 + crc32(name.encode()) % (SOUNDS - 1)
    return kinds
