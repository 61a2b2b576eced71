"""Training until the minutes are used up, with checkpoints, lines of progress and held-out examinations on the way."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from training.nano.trainee import Figures, Trainee

METRICS = "metrics.jsonl"
Report = Callable[[Mapping[str, float]], None]
AnyTrainee = Trainee[Any, Any]


class Journal:
    """Lines for people on stdout, the same figures as JSON lines in the run's folder, and to ``report``; only of the first worker."""

    def __init__(self, run: AnyTrainee, report: Report | None = None) -> None:
        self._run, self._report = run, report
        self._restart()

    def step(self, figures: Figures) -> None:
        """Every ``log_steps`` steps: their means, and how many units a second it learns from."""
        run = self._run
        self._steps.append(figures)
        if run.step % run.spec.log_steps:
            return
        means = {name: float(np.mean([one[name] for one in self._steps])) for name in figures}
        per_s = (run.seen - self._seen) / (time.monotonic() - self._since)
        whole = {**means, **run.pace(per_s), "rate": run.rate}
        self._write(whole, run.line(whole))
        self._restart()

    def exam(self, *, last: bool = False) -> None:
        """How well it does on what training never shows. Its time does not count against the pace."""
        if self._run.ranks.rank == 0:
            marks = self._run.examine(last=last)
            self._write(marks.figures, f"held out, {marks.line}")
            for line in marks.shown:
                say(f"    {line}")
        self._run.ranks.wait()
        self._since, self._seen = time.monotonic(), self._run.seen

    def _restart(self) -> None:
        self._since, self._seen, self._steps = time.monotonic(), self._run.seen, list[Figures]()

    def _write(self, figures: Figures, text: str) -> None:
        run = self._run
        whole = {"step": run.step, run.unit: run.seen, "seconds": round(run.seconds, 1), **figures}
        if self._report:
            self._report(whole)
        if run.ranks.rank == 0:
            say(f"step {run.step} {run.progress:.1%} {text}")
            with (run.folder / METRICS).open("a") as file:
                file.write(json.dumps(whole) + "\n")


def train(run: AnyTrainee, report: Report | None = None) -> None:
    """Train until the run's minutes are used up. Raises Diverged when a number is none; the last checkpoint then stays."""
    spec, journal = run.spec, Journal(run, report)
    with run.feed() as feed:
        begun, earlier = time.monotonic(), run.seconds
        saved = examined = run.seconds
        while run.progress < 1.0:
            figures = run.update(next(feed))
            run.seconds = run.ranks.first(earlier + time.monotonic() - begun)
            journal.step(figures)
            if run.seconds - saved >= spec.checkpoint_seconds:
                run.save()
                saved = run.seconds
            if run.seconds - examined >= spec.exam_seconds:
                journal.exam()
                examined = run.seconds
    run.save()


def say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()
