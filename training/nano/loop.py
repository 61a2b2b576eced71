"""Training until the minutes are used up, with checkpoints, lines of progress and held-out examinations on the way."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

from training.nano.batches import Batch, Encoder, batches
from training.nano.corpus import Stream
from training.nano.devices import matrix_rate
from training.nano.feeding import Pool
from training.nano.run import TOKENIZER, Run, progress_of
from training.nano.trial import examine, samples

METRICS = "metrics.jsonl"
Report = Callable[[Mapping[str, float]], None]


class Journal:
    """Lines for people on stdout, the same figures as JSON lines in the run's folder, and to `report`; only of the first worker."""

    def __init__(self, run: Run, report: Report | None = None) -> None:
        self.run, self.report = run, report
        self.best = matrix_rate(run.device, run.dtype) * run.ranks.size
        self.since, self.tokens, self.losses = time.monotonic(), run.tokens, list[float]()

    def step(self, loss: float, feed: Pool | None) -> None:
        """Every `log_steps` steps: loss, tokens a second, and what share of the device's matrix rate they are."""
        run = self.run
        self.losses.append(loss)
        if run.step % run.spec.log_steps:
            return
        now = time.monotonic()
        speed = (run.tokens - self.tokens) / (now - self.since)
        figures = {
            "answer_loss": sum(self.losses) / len(self.losses),
            "tokens_per_s": speed,
            "matrix_share": speed * run.operations_per_token / self.best,
            "rate": run.spec.schedule(run.step, run.progress),
        }
        reuse = f", each row used {feed.reuse:.1f} times" if feed else ""
        self.write(figures, f"answer loss {figures['answer_loss']:.3f}, {speed:,.0f} tokens/s, {self._share(figures)}{reuse}")
        self.since, self.tokens, self.losses = now, run.tokens, []

    def _share(self, figures: Mapping[str, float]) -> str:
        name = str(self.run.dtype).removeprefix("torch.")
        return f"{figures['matrix_share']:.0%} of the {self.best / 1e12:.3g} TFLOP/s that large {name} products reach"

    def exam(self, count: int) -> None:
        """Held-out shares of every skill, and a few answers."""
        if self.run.ranks.rank == 0:
            shares = examine(self.run.model, self.run.tokenizer, self.run.step, count)
            text = ", ".join(f"{name} {share:.0%}" for name, share in shares.items())
            self.write({f"exact_{name}": share for name, share in shares.items()}, f"held out, exact: {text}")
            for line in samples(self.run.model, self.run.tokenizer, self.run.step):
                say(f"    {line}")
        self.run.ranks.wait()
        self.since, self.tokens = time.monotonic(), self.run.tokens

    def write(self, figures: Mapping[str, float], text: str) -> None:
        run = self.run
        whole = {"step": run.step, "tokens": run.tokens, "seconds": round(run.seconds, 1), **figures}
        if self.report:
            self.report(whole)
        if run.ranks.rank == 0:
            say(f"step {run.step} {run.progress:.1%} {text}")
            with (run.folder / METRICS).open("a") as file:
                file.write(json.dumps(whole) + "\n")


def train(run: Run, report: Report | None = None) -> None:
    """Train until the run's minutes are used up. Raises Diverged when a number is none; the last checkpoint then stays."""
    spec, journal = run.spec, Journal(run, report)
    with _feed(run) as (feed, pool):
        begun, earlier = time.monotonic(), run.seconds
        saved = examined = run.seconds
        while run.progress < 1.0:
            loss = run.update(next(feed))
            run.seconds = run.ranks.first(earlier + time.monotonic() - begun)
            journal.step(loss, pool)
            if run.seconds - saved >= spec.checkpoint_seconds:
                run.save()
                saved = run.seconds
            if run.seconds - examined >= spec.exam_seconds:
                journal.exam(24 if run.device == "cpu" else 50)
                examined = run.seconds
    run.save()


@contextmanager
def _feed(run: Run) -> Iterator[tuple[Iterator[Batch], Pool | None]]:
    """The run's batches. A resumed run goes on with new text rather than repeating the old; every worker has its own."""
    spec, seed = run.spec, f"{run.spec.seed}-{run.ranks.rank}-{run.step}"
    if not spec.producers:
        encoder = Encoder(run.tokenizer, spec.context_weight)
        yield batches(Stream(seed, "train"), encoder, spec.tokens_per_step, spec.longest, progress_of(run)), None
        return
    with Pool(spec, (run.folder / TOKENIZER).absolute(), seed, run.device) as pool:
        yield pool.batches(progress_of(run)), pool


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
