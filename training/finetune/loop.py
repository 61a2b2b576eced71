"""Training until it is through, or gets no better: with checkpoints, figures and looks at the held-out examples on the way."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from cluster.learning.tuning.folders import Figures, append_metrics
from training.finetune.course import waning
from training.finetune.disk import writing
from training.finetune.run import Run, StepFigures

Report = Callable[[Mapping[str, float]], None]
LINES = 100


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a training ended. ``best``: the lowest held-out loss, whose adapter stands in the folder; None: nothing was held out, and the
    last adapter does."""

    step: int
    steps: int
    tokens: int
    seconds: float
    stopped_early: bool
    best: float | None


def train(run: Run, report: Report, stopping: Callable[[], bool] = lambda: False) -> Outcome:
    """``report``: called by the first worker with all figures as they come; what it raises ends the training, which can go on from the last
    checkpoint. ``stopping``: asked before each step. Raises Unprocessable when a number is none; the last good adapter then stays."""
    pace = _Pace(run)
    journal = _Journal(run, report)
    while run.step < run.course.steps and not run.ranks.first(stopping()) and not run.ranks.first(_enough(run)):
        journal.learned(run.update(), pace)
        if run.step % run.course.look_every == 0 or run.step == run.course.steps:
            pace.pause()
            look = journal.judged(run.examine())
            run.save()
            # Told last: who is ended by what it is told has lost nothing.
            journal.tell(look)
            pace.go()
        elif run.ranks.first(pace.due()):
            run.save()
            pace.saved()
    losses = run.held_out_losses()
    if not losses:
        run.keep_best()
    ended_early = run.step < run.course.steps
    return Outcome(run.step, run.course.steps, run.tokens, run.seconds, ended_early, min(losses, default=None))


def _enough(run: Run) -> bool:
    """The first worker's answer counts: it alone is sure to read what it has written."""
    return run.ranks.rank == 0 and waning(run.held_out_losses(), run.parameters.patience)


class _Pace:
    """The time that is spent on learning, and when to save."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._since = time.monotonic()
        self._saved = self._since

    def count(self) -> None:
        moment = time.monotonic()
        self._run.seconds += moment - self._since
        self._since = moment

    def due(self) -> bool:
        return time.monotonic() - self._saved >= self._run.task.limits.checkpoint_s

    def saved(self) -> None:
        self._saved = self._since = time.monotonic()

    pause = count
    go = saved


class _Journal:
    """Figures for the folder and for ``report``, of the first worker."""

    def __init__(self, run: Run, report: Report) -> None:
        self._run, self._report = run, report
        self._every = max(1, run.course.steps // LINES)
        self._seen: list[Figures] = []
        self._tokens, self._seconds = run.tokens, run.seconds

    def learned(self, step: StepFigures, pace: _Pace) -> None:
        run = self._run
        pace.count()
        self._seen.append({"train_loss": step.loss, **{f"train_{name}": value for name, value in step.figures.items()}})
        if run.step % self._every and run.step != run.course.steps:
            return
        per_s = (run.tokens - self._tokens) / max(1e-9, run.seconds - self._seconds)
        means = {name: sum(one[name] for one in self._seen) / len(self._seen) for name in self._seen[0]}
        self.tell(self._written({**means, "tokens_per_s": per_s, "learning_rate": run.course.rate(run.step - 1)}))
        self._seen, self._tokens, self._seconds = [], run.tokens, run.seconds

    def judged(self, figures: Figures | None) -> Figures | None:
        """What is still to be told of it."""
        if figures is None:
            return None
        before = self._run.held_out_losses()
        if self._run.ranks.rank == 0 and figures["held_out_loss"] < min(before, default=float("inf")):
            self._run.keep_best()
        return self._written(figures)

    def tell(self, figures: Figures | None) -> None:
        if figures is not None:
            self._report(figures)

    def _written(self, figures: Mapping[str, float]) -> Figures | None:
        run = self._run
        if run.ranks.rank:
            return None
        told = {"step": run.step, "steps": run.course.steps, "epoch": run.course.epoch(run.step), "tokens": run.tokens, **figures}
        with writing(run.task.folder):
            append_metrics(run.task.folder, told | {"seconds": round(run.seconds, 2)})
        return told
