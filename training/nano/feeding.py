"""Batches for a run: written by the run itself, or by other processes while a card computes.

A card takes in more tokens than the generators of one machine write. So their rows go into a pool on the device from which every step
draws at random; a fresh row takes the place of the oldest, and the run says how often a row has been used on average.
"""

from __future__ import annotations

import multiprocessing
import queue
from collections.abc import Iterator
from multiprocessing.sharedctypes import Synchronized
from pathlib import Path
from typing import Any

import numpy as np
import torch

from training.nano.batches import Batch, Encoder, batches
from training.nano.corpus import Stream
from training.nano.spec import RunSpec
from training.nano.tokens import load_tokenizer

POOL_TOKENS = 1 << 24
ROWS_AT_ONCE = 16
PATIENCE_S = 120.0


def produce(spec: RunSpec, tokenizer: Path, seed: str, progress: Synchronized[float], rows: Any) -> None:
    """The work of one generator process, until the process that started it is gone."""
    torch.set_num_threads(1)
    parent = multiprocessing.parent_process()
    encoder = Encoder(load_tokenizer(tokenizer, spec.shape.vocab), spec.context_weight)
    feed = batches(Stream(seed, "train"), encoder, ROWS_AT_ONCE * spec.longest, spec.longest, _shares(progress))
    for batch in feed:
        packed = (batch.tokens.numpy().astype(np.int16), batch.weights.numpy().astype(np.float16), batch.documents.numpy().astype(np.int16))
        while parent is None or parent.is_alive():
            try:
                rows.put(packed, timeout=2)
                break
            except queue.Full:
                continue
        else:
            rows.cancel_join_thread()
            return


def _shares(progress: Synchronized[float]) -> Iterator[float]:
    while True:
        yield progress.value


class Pool:
    """An endless source of batches from generator processes. Use as a context manager: leaving ends them."""

    def __init__(self, spec: RunSpec, tokenizer: Path, seed: str, device: str) -> None:
        self.spec, self.device = spec, device
        context = multiprocessing.get_context("spawn")
        self.progress: Synchronized[float] = context.Value("d", 0.0)
        self.queue = context.Queue(maxsize=4 * spec.producers)
        arguments = [(spec, tokenizer, f"{seed}-{number}", self.progress, self.queue) for number in range(spec.producers)]
        self.processes = [context.Process(target=produce, args=each, daemon=True) for each in arguments]
        size = max(POOL_TOKENS // spec.longest, 8 * self._count)
        self.tokens = torch.zeros((size, spec.longest), dtype=torch.int16, device=device)
        self.weights = torch.zeros((size, spec.longest), dtype=torch.float16, device=device)
        self.documents = torch.zeros((size, spec.longest), dtype=torch.int16, device=device)
        self.written = self.drawn = 0
        self.random = torch.Generator(device).manual_seed(spec.seed)

    @property
    def _count(self) -> int:
        return max(1, self.spec.tokens_per_step // self.spec.longest)

    def __enter__(self) -> Pool:
        for process in self.processes:
            process.start()
        return self

    def __exit__(self, *reason: object) -> None:
        for process in self.processes:
            process.terminate()
        for process in self.processes:
            process.join()
        self.queue.close()

    @property
    def reuse(self) -> float:
        """How often a row has been drawn on average."""
        return self.drawn / max(1, self.written)

    def batches(self, progress: Iterator[float]) -> Iterator[Batch]:
        for share in progress:
            self.progress.value = share
            while self.written < 4 * self._count:
                self._take(block=True)
            while self._take(block=False):
                pass
            chosen = torch.randperm(min(self.written, len(self.tokens)), generator=self.random, device=self.device)[: self._count]
            self.drawn += self._count
            yield Batch(self.tokens[chosen].long(), self.weights[chosen].float(), self.documents[chosen].long())

    def _take(self, block: bool) -> bool:
        """One delivery into the pool; False where none is waiting. Raises RuntimeError when the generators have ended."""
        try:
            delivered = self.queue.get(block, timeout=PATIENCE_S if block else None)
        except queue.Empty:
            if block:
                raise RuntimeError(f"no generator process delivered text for {PATIENCE_S:.0f} s; see their messages above") from None
            return False
        count = len(delivered[0])
        places = torch.arange(self.written, self.written + count, device=self.device) % len(self.tokens)
        for pool, rows in zip((self.tokens, self.weights, self.documents), delivered, strict=True):
            pool[places] = torch.from_numpy(rows).to(self.device)
        self.written += count
        return True
