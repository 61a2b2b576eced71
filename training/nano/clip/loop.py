"""Training until the minutes are used up, with checkpoints, lines of progress and held-out examinations on the way."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping, Sequence

import numpy as np
import torch
from PIL.Image import Image

from training.nano.clip.exam import Matrix, recall
from training.nano.clip.pairs import batches, looking, tokens_of
from training.nano.clip.run import ClipRun
from training.nano.loop import METRICS, say

Report = Callable[[Mapping[str, float]], None]


def train(run: ClipRun, report: Report | None = None) -> None:
    """Train until the run's minutes are used up. Raises Diverged when a number is none; the last checkpoint then stays. A resumed run goes
    on with new scenes; every worker has its own."""
    spec, journal = run.spec, Journal(run, report)
    feed = batches(spec, f"{spec.seed}-{run.ranks.rank}-{run.step}")
    begun, earlier = time.monotonic(), run.seconds
    saved = examined = run.seconds
    while run.progress < 1.0:
        figures = run.update(next(feed))
        run.seconds = run.ranks.first(earlier + time.monotonic() - begun)
        journal.step(*figures)
        if run.seconds - saved >= spec.checkpoint_seconds:
            run.save()
            saved = run.seconds
        if run.seconds - examined >= spec.exam_seconds:
            journal.exam()
            examined = run.seconds
    run.save()


class Journal:
    """Lines for people on stdout, the same figures as JSON lines in the run's folder, and to ``report``; only of the first worker."""

    def __init__(self, run: ClipRun, report: Report | None = None) -> None:
        self._run, self._report = run, report
        self._since, self._pairs = time.monotonic(), run.pairs
        self._seen: list[tuple[float, float]] = []

    def step(self, loss: float, share: float) -> None:
        run = self._run
        self._seen.append((loss, share))
        if run.step % run.spec.log_steps:
            return
        now = time.monotonic()
        means = np.mean(self._seen, axis=0)
        figures = {
            "loss": float(means[0]),
            "found_in_batch": float(means[1]),
            "pairs_per_s": (run.pairs - self._pairs) / (now - self._since),
        }
        self._write(figures, f"loss {means[0]:.3f}, found in batch {means[1]:.0%}, {figures['pairs_per_s']:,.0f} pairs/s")
        self._since, self._pairs, self._seen = now, run.pairs, []

    def exam(self, rounds: int = 1) -> None:
        """Recall among held-out pictures, other ones each time."""
        if self._run.ranks.rank == 0:
            share = examined(self._run, self._run.step, rounds)
            self._write({"recall": share}, f"held out, recall@1 among 100: {share:.0%}")
        self._run.ranks.wait()
        self._since, self._pairs = time.monotonic(), self._run.pairs

    def _write(self, figures: Mapping[str, float], text: str) -> None:
        run = self._run
        whole = {"step": run.step, "pairs": run.pairs, "seconds": round(run.seconds, 1), **figures}
        if self._report:
            self._report(whole)
        if run.ranks.rank == 0:
            say(f"step {run.step} {run.progress:.1%} {text}")
            with (run.folder / METRICS).open("a") as file:
                file.write(json.dumps(whole) + "\n")


@torch.inference_mode()
def examined(run: ClipRun, seed: int, rounds: int = 1) -> float:
    """Text-to-image recall@1 of the network as it stands."""
    look, model = looking(run.spec.shape.image_size), run.model

    def see(pictures: Sequence[Image]) -> Matrix:
        return _rows(model.encode_image(torch.stack([look(one) for one in pictures]).to(run.device), normalize=True))  # type: ignore[operator]

    def read(captions: Sequence[str]) -> Matrix:
        return _rows(model.encode_text(tokens_of(captions).to(run.device), normalize=True))  # type: ignore[operator]

    model.eval()
    try:
        return recall(see, read, seed, rounds)
    finally:
        model.train()


def _rows(vectors: torch.Tensor) -> Matrix:
    return np.asarray(vectors.float().cpu().numpy(), dtype=np.float32)
