"""What happens to speech on its way: a room, a microphone that favours some pitches, and noise."""

from __future__ import annotations

import random

import numpy as np
from scipy.signal import fftconvolve

from training.nano.whisper.speech import RATE, Sound

TAIL_S = 0.15  # of the echo of the last word that is kept


def in_room(sound: Sound, rng: random.Random) -> Sound:
    """As heard in a room whose walls send it back, a little or much."""
    noise = np.random.default_rng(rng.getrandbits(32))
    decay_s = rng.uniform(0.08, 0.45)  # until the echo is 60 dB quieter
    length = int(decay_s * RATE)
    echo = noise.standard_normal(length) * np.exp(-6.9 * np.arange(length) / length)
    echo *= rng.uniform(0.1, 0.7) / np.sqrt((echo**2).sum())
    echo[: rng.randrange(16, 160)] = 0  # the nearest wall is some way off
    echo[0] = 1.0
    whole: Sound = fftconvolve(sound, echo).astype(np.float32)[: len(sound) + int(TAIL_S * RATE)]
    return whole


def noise(samples: int, rng: random.Random) -> Sound:
    """Steady noise of some colour, from hiss to rumble, of the power 1."""
    chance = np.random.default_rng(rng.getrandbits(32))
    spectrum = chance.standard_normal(samples // 2 + 1) + 1j * chance.standard_normal(samples // 2 + 1)
    spectrum /= np.maximum(1.0, np.arange(samples // 2 + 1) * 20.0 * samples**-0.5) ** rng.uniform(0.0, 1.0)
    made = np.fft.irfft(spectrum, samples)
    return np.asarray(made / np.sqrt((made**2).mean()), dtype=np.float32)


def with_noise(sound: Sound, rng: random.Random, quietest_db: float = 15.0, most_db: float = 40.0) -> Sound:
    """With noise that is so many decibels below the speech."""
    power = float((sound**2).mean()) * 10 ** (-rng.uniform(quietest_db, most_db) / 10)
    return np.asarray(sound + noise(len(sound), rng) * np.sqrt(power), dtype=np.float32)
