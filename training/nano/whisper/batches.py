"""Batches of clips from a bounded store of utterances, said by this process or by others where there are cores for them."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.nano.whisper.clips import NOT_ASKED, PAUSE, SILENT, WINDOW_S, Clip, Span, Utterance, clip, noises, utterance
from training.nano.whisper.mels import BANDS, FRAMES_A_SECOND
from training.nano.whisper.spec import POSITIONS, WhisperSpec
from training.nano.whisper.words import END, MOMENT_S, NO_TIMES, START, token

AHEAD = 4  # batches that each process makes before they are wanted
EASY = 0.1  # of the run: how long single words become rarer
WINDOWS_S = (3.5, 5.0, 8.0)
FIRST = 24  # times an update's utterances are said before the first
NOISES = 24


@dataclass(frozen=True)
class Batch:
    """``looks`` [clips, 80, frames]; ``tokens`` and ``labels`` [clips, length], the labels one ahead; ``here`` and ``there``
    [clips, length, 2], the positions between which the token and its label are heard, equal where nowhere; ``sounds``
    [clips, positions]; ``offset``, the position in the window at which the clips begin."""

    looks: Tensor
    tokens: Tensor
    labels: Tensor
    here: Tensor
    there: Tensor
    sounds: Tensor
    offset: int

    def to(self, device: str) -> Batch:
        held = {field.name: getattr(self, field.name) for field in fields(self)}
        moved: dict[str, Any] = {name: one.to(device, non_blocking=True) if isinstance(one, Tensor) else one for name, one in held.items()}
        return Batch(**moved)


class Spoken(IterableDataset[Batch]):
    """Batches without end. Each process that iterates makes others. ``progress``: one shared number, how far the run has come."""

    def __init__(self, spec: WhisperSpec, seed: str, progress: Tensor) -> None:
        self._spec, self._seed, self._progress = spec, seed, progress

    def __iter__(self) -> Iterator[Batch]:
        worker = get_worker_info()
        rng = random.Random(f"{self._seed}-{worker.id if worker is not None else 0}")
        spec, kept, heard = self._spec, deque[Utterance](maxlen=self._spec.kept), noises(rng, NOISES)
        while True:
            progress = float(self._progress)
            for _ in range(spec.fresh if kept else FIRST * spec.fresh):
                kept.append(utterance(rng, ease(progress)))
            whole = progress > EASY and rng.random() < spec.whole_share
            window_s = float(WINDOW_S) if whole else rng.choice(WINDOWS_S[: 1 + int(8 * progress)])
            count = max(1, int(spec.seconds / window_s))
            clips = [clip(_chosen(kept, rng, window_s), heard, rng) for _ in range(count)]
            yield batch(clips, rng, POSITIONS if whole else None)


def ease(progress: float) -> float:
    """The share of utterances that are a few words only."""
    return 0.05 + 0.75 * max(0.0, 1.0 - progress / EASY)


def batches(spec: WhisperSpec, seed: str, progress: Tensor) -> Iterator[Batch]:
    spoken = Spoken(spec, seed, progress)
    if not spec.producers:
        return iter(spoken)
    return iter(DataLoader(spoken, batch_size=None, num_workers=spec.producers, prefetch_factor=AHEAD))


def batch(clips: Sequence[Clip], rng: random.Random, positions: int | None) -> Batch:
    """``positions``: of the whole window; of shorter ones, which then begin anywhere in it, None."""
    longest = positions or -(-max(one.looks.shape[1] for one in clips) // 2)
    # What fills up is zero where the model is served, whatever silence looks like.
    looks = np.zeros((len(clips), BANDS, 2 * longest), dtype=np.float32)
    sounds = np.full((len(clips), longest), PAUSE, dtype=np.int64)
    offset = rng.randrange(POSITIONS - longest + 1) if rng.random() < 0.5 else 0
    length = max(len(one.tokens) for one in clips) - 1
    tokens = np.full((len(clips), length), token(END), dtype=np.int64)
    labels = np.full((len(clips), length), NOT_ASKED, dtype=np.int64)
    here, there = (np.zeros((len(clips), length, 2), dtype=np.int64) for _ in range(2))
    for row, one in enumerate(clips):
        looks[row, :, : one.looks.shape[1]] = one.looks
        sounds[row, : len(one.sounds)] = one.sounds
        written = _moved(one.tokens, offset)
        begin = written.index(token(START))
        tokens[row, : len(written) - 1] = written[:-1]
        labels[row, begin : len(written) - 1] = written[begin + 1 :]
        if labels[row, begin] == token(NO_TIMES):
            labels[row, begin] = NOT_ASKED  # whoever asks decides that
        places = _places(one.spans, longest)
        here[row, : len(written) - 1], there[row, : len(written) - 1] = places[:-1], places[1:]
    made = {"looks": looks, "tokens": tokens, "labels": labels, "here": here, "there": there, "sounds": sounds}
    return Batch(**{name: torch.from_numpy(one) for name, one in made.items()}, offset=offset)


def _chosen(kept: Sequence[Utterance], rng: random.Random, window_s: float) -> list[Utterance]:
    """As many as the window holds, or fewer; in a whole window now and then one too many, as where a long recording is cut."""
    if rng.random() < SILENT:
        return []
    whole = window_s == WINDOW_S
    most = rng.randint(1, 12) if whole else 9
    room, chosen = int(window_s * FRAMES_A_SECOND), list[Utterance]()
    for _ in range(most + 4):
        one = kept[rng.randrange(len(kept))]
        if one.frames + 100 <= room:
            chosen.append(one)
            room -= one.frames + 100
        if len(chosen) >= most:
            return chosen
    if whole:
        chosen.append(kept[rng.randrange(len(kept))])
    return chosen or [min(kept, key=lambda one: one.frames)]


def _moved(tokens: Sequence[int], offset: int) -> list[int]:
    return [one + offset if one > token(NO_TIMES) else one for one in tokens]


def _places(spans: Sequence[Span], positions: int) -> list[tuple[int, int]]:
    within = [(int(begin / MOMENT_S), min(positions, -int(-end // MOMENT_S))) for begin, end in spans]
    return [(begin, max(begin, end)) for begin, end in within]
