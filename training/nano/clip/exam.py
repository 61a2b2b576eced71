"""How often a caption finds its picture among a hundred, all of combinations that training never showed."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from PIL.Image import Image

from training.nano.clip.captions import caption
from training.nano.clip.pictures import picture
from training.nano.clip.scenes import different

Matrix = npt.NDArray[np.float32]
AMONG = 100
# The share of captions that are to find their picture.
BAR = 0.8
# Larger than what training shows, and scaled down as any picture is.
SIDE = 160


def drawn(seed: int, among: int = AMONG) -> tuple[list[Image], list[str]]:
    """So many held-out pictures, no scene twice, with a caption each."""
    rng = random.Random(f"exam-{seed}")
    scenes = different(rng, "held_out", among)
    return [picture(scene, rng, SIDE) for scene in scenes], [caption(scene, rng) for scene in scenes]


@dataclass(frozen=True, slots=True)
class Eyes:
    """What places pictures and captions: both give rows of length 1."""

    see: Callable[[Sequence[Image]], Matrix]
    read: Callable[[Sequence[str]], Matrix]


def recall(eyes: Eyes, seed: int, rounds: int = 1) -> float:
    """Text-to-image recall@1: the mean over ``rounds`` draws of 100 pictures."""
    found = 0
    for number in range(rounds):
        pictures, captions = drawn(seed + number)
        nearest = (eyes.read(captions) @ eyes.see(pictures).T).argmax(axis=1)
        found += int((nearest == np.arange(len(captions))).sum())
    return found / (AMONG * rounds)


def rows_of(vectors: torch.Tensor) -> Matrix:
    return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)
