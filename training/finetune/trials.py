"""A search for hyper-parameters with Ray Tune: trainings with other parameters, one after another where one would run, of which those that
fall behind are ended early (ASHA, Li et al. 2020, arXiv 1810.05934).

Each trial is a training in a folder of its own below ``trials``, with its own checkpoint. That, not Ray Tune's record of the experiment, is
what a search goes on from: Ray Tune writes its record only now and then, and a process that is killed leaves it behind the truth. Trials
that have ended tell Ray Tune again what they told it, and compute nothing.
"""

from __future__ import annotations

import gc
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from ray import get_gpu_ids, tune
from ray.tune.schedulers import AsyncHyperBandScheduler

from cluster.errors import HearthError, Unprocessable
from cluster.learning.tuning.folders import BEST, read_metrics, trial_folder
from cluster.standing_back import stand_back_entirely
from training.finetune.candidates import Candidate
from training.finetune.loop import Outcome, train
from training.finetune.run import Run, Task
from training.finetune.workers import CARD, ERROR, OUTCOME, STOP, Place, follow

LOSS, LOOK, NUMBER = "held_out_loss", "look", "number"
# What Ray Tune is told of a trial that has failed: its own infinity would make its percentiles no numbers.
HOPELESS = 1e30
KEEPING = 2  # of so many trials that have come as far, the better one goes on


@dataclass(frozen=True, slots=True)
class Trial:
    """``state``: `finished`; `stopped`, for having fallen behind; `failed`, for ``error``. ``loss``: its lowest held-out loss, unless it
    has failed."""

    number: int
    candidate: Candidate
    state: str
    loss: float | None
    step: int
    error: str | None

    def as_json(self) -> dict[str, Any]:
        told = {"trial": self.number + 1, **self.candidate, "state": self.state, "held_out_loss": self.loss, "steps": self.step}
        return told if self.error is None else told | {"error": self.error}


def search(
    task: Task, place: Place, chosen: Sequence[Candidate], report: Callable[[Mapping[str, float]], None], check: Callable[[], None]
) -> tuple[Outcome, list[Trial]]:
    """How the best of the trials ended, whose adapter then stands in the folder of the task, and all of them. On the Ray that this process
    is connected to; ``report`` and ``check`` as for :func:`train_on`, with the number of the `trial` among the figures. Raises
    Unprocessable when no trial came to a held-out loss."""
    for name in (STOP, f"{CARD}0"):
        (task.folder / name).unlink(missing_ok=True)
    shutil.rmtree(task.folder / "ray", ignore_errors=True)
    with ThreadPoolExecutor(1, thread_name_prefix="Ray Tune") as aside:
        fitting = aside.submit(_tuner(task, place, chosen).fit)
        try:
            follow(task.folder, fitting, report, check)
        except BaseException:
            (task.folder / STOP).touch()
            raise
    died = _died(fitting.result())
    trials = [_ended(task, number, candidate, died.get(number)) for number, candidate in enumerate(chosen)]
    best = best_of(trials)
    if best is None:
        raise Unprocessable(f"All {len(trials)} trials have failed, the first because: {trials[0].error}")
    folder = trial_folder(task.folder, best.number)
    shutil.rmtree(task.folder / BEST, ignore_errors=True)
    shutil.copytree(folder / BEST, task.folder / BEST)
    return _outcome(folder, best), trials


def best_of(trials: Sequence[Trial]) -> Trial | None:
    return min((one for one in trials if one.loss is not None), key=lambda one: one.loss or 0.0, default=None)


def trial(config: Mapping[str, Any], task: Task, place: Place, chosen: Sequence[Candidate]) -> None:
    """What a process of Ray Tune does: one trial, or what is left of it."""
    gc.collect()  # the model of the trial before, where the process is the same
    mine = _task(task, config[NUMBER], chosen[config[NUMBER]])
    looks = _Looks()
    if not (mine.folder / ERROR).exists():
        looks.tell_again(mine.folder)
        if (mine.folder / OUTCOME).exists():
            return
        _go_on(task, mine, place, looks)
    if (mine.folder / ERROR).exists():
        looks.failed()


def _go_on(task: Task, mine: Task, place: Place, looks: _Looks) -> None:
    stand_back_entirely(task.limits.niceness)
    if place.share is not None:
        (task.folder / f"{CARD}0").write_text(str(get_gpu_ids()[0]))
    if place.share is not None and place.device == "cuda":
        torch.cuda.set_per_process_memory_fraction(place.share)
    try:
        outcome = train(Run(mine, place.device), looks.seen, (task.folder / STOP).exists)
    except HearthError as error:
        _write(mine.folder / ERROR, error.message)
        return
    if not (task.folder / STOP).exists():
        _write(mine.folder / OUTCOME, json.dumps(asdict(outcome)))


class _Looks:
    """What Ray Tune is told of a trial: its held-out losses, one after another, each once. At each it may end the thread of the trial."""

    def __init__(self) -> None:
        self._told = 0
        self._step = 0.0

    def seen(self, figures: Mapping[str, float]) -> None:
        if LOSS in figures and figures["step"] > self._step:
            self._told, self._step = self._told + 1, figures["step"]
            tune.report({LOSS: figures[LOSS], LOOK: self._told})

    def tell_again(self, folder: Path) -> None:
        for figures in read_metrics(folder):
            self.seen(figures)

    def failed(self) -> None:
        tune.report({LOSS: HOPELESS, LOOK: self._told + 1})


class _Stopped(tune.Stopper):
    """Ends the experiment once the file is there: travels into Ray Tune's record, so it can hold nothing that lives."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __call__(self, trial_id: str, result: dict[str, Any]) -> bool:
        return self.stop_all()

    def stop_all(self) -> bool:
        return self._file.exists()


def _tuner(task: Task, place: Place, chosen: Sequence[Candidate]) -> tune.Tuner:
    # Its loggers would write everything once more, in formats that nobody here reads.
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    for number in range(len(chosen)):
        trial_folder(task.folder, number).mkdir(parents=True, exist_ok=True)
    looks = task.parameters.evaluations
    # No trial is ended for having come to its end: that it writes down itself.
    scheduler = AsyncHyperBandScheduler(
        LOOK, metric=LOSS, mode="min", max_t=looks + 1, grace_period=max(1, looks // 4), reduction_factor=KEEPING
    )
    each = {"cpu": 1.0} if place.share is None else {"cpu": 1.0, "gpu": place.share}
    return tune.Tuner(
        tune.with_resources(tune.with_parameters(trial, task=task, place=place, chosen=list(chosen)), each),
        param_space={NUMBER: tune.grid_search(list(range(len(chosen))))},
        tune_config=tune.TuneConfig(scheduler=scheduler, max_concurrent_trials=1, reuse_actors=True),
        run_config=tune.RunConfig(
            name="search",
            storage_path=str(task.folder / "ray"),
            stop=_Stopped(task.folder / STOP),
            failure_config=tune.FailureConfig(max_failures=task.limits.restarts),
            verbose=0,
        ),
    )


def _task(task: Task, number: int, candidate: Candidate) -> Task:
    parameters = task.parameters.model_copy(update={**candidate, "search": None})
    return replace(task, parameters=parameters, folder=trial_folder(task.folder, number), shared=task.folder)


def _ended(task: Task, number: int, candidate: Candidate, died: str | None) -> Trial:
    folder = trial_folder(task.folder, number)
    error = (folder / ERROR).read_text() if (folder / ERROR).exists() else died
    state = "failed" if error is not None else "finished" if (folder / OUTCOME).exists() else "stopped"
    figures = read_metrics(folder)
    loss = min((one[LOSS] for one in figures if LOSS in one), default=None)
    return Trial(number, candidate, state, loss if error is None else None, int(figures[-1]["step"]) if figures else 0, error)


def _died(grid: tune.ResultGrid) -> dict[int, str]:
    """Why, by the number of the trial: processes that died more often than they are replaced, and what nobody foresaw."""
    results = [grid[number] for number in range(len(grid))]
    return {result.config[NUMBER]: str(result.error) for result in results if result.error is not None and result.config}


def _outcome(folder: Path, best: Trial) -> Outcome:
    if (folder / OUTCOME).exists():
        return Outcome(**json.loads((folder / OUTCOME).read_text()))
    last = read_metrics(folder)[-1]
    return Outcome(int(last["step"]), int(last["steps"]), int(last["tokens"]), last["seconds"], stopped_early=True, best=best.loss)


def _write(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.write_text(text)
    draft.replace(path)
