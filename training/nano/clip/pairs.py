"""Batches of pictures with their captions, drawn by other processes where there are cores for them."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence

import open_clip  # type: ignore[import-untyped]
import torch
from torch import Tensor
from torch.utils.data import DataLoader, IterableDataset, get_worker_info

from training.nano.clip.captions import caption
from training.nano.clip.pictures import picture
from training.nano.clip.scenes import Scene, different
from training.nano.clip.spec import TEXT_TOKENS, ClipSpec
from training.nano.clip.words import END, PAD, START, words
from training.nano.corpus.splits import Split

Pairs = tuple[Tensor, Tensor]
AHEAD = 4  # batches that each process draws before they are wanted


class Drawn(IterableDataset[Pairs]):
    """Batches without end: pictures, float32 [pairs, 3, side, side], normalised as open_clip does when it serves; and captions, int64
    [pairs, 32]. Each process that iterates draws others."""

    def __init__(self, spec: ClipSpec, seed: str, split: Split = "train") -> None:
        self._spec, self._seed, self._split = spec, seed, split

    def __iter__(self) -> Iterator[Pairs]:
        worker = get_worker_info()
        rng = random.Random(f"{self._seed}-{worker.id if worker is not None else 0}")
        torch.set_num_threads(1)
        look = looking(self._spec.shape.image_size)
        while True:
            scenes = different(rng, self._split, self._spec.pairs)
            yield pictures_of(scenes, rng, look), tokens_of([caption(scene, rng) for scene in scenes])


def batches(spec: ClipSpec, seed: str) -> Iterator[Pairs]:
    drawn = Drawn(spec, seed)
    if not spec.producers:
        return iter(drawn)
    return iter(DataLoader(drawn, batch_size=None, num_workers=spec.producers, prefetch_factor=AHEAD))


def looking(side: int) -> Callable[..., Tensor]:
    """From a picture to what the network sees, as where it is served."""
    look: Callable[..., Tensor] = open_clip.image_transform(side, is_train=False)
    return look


def pictures_of(scenes: Sequence[Scene], rng: random.Random, look: Callable[..., Tensor]) -> Tensor:
    return torch.stack([look(picture(scene, rng)) for scene in scenes])


def tokens_of(captions: Sequence[str]) -> Tensor:
    """What the tokenizer makes of captions, all of whose words it knows."""
    ids = {word: number for number, word in enumerate(words())}
    rows = torch.full((len(captions), TEXT_TOKENS), ids[PAD])
    for row, text in enumerate(captions):
        numbers = [ids[START], *(ids[word] for word in text.lower().split()), ids[END]]
        rows[row, : len(numbers)] = torch.tensor(numbers)
    return rows
