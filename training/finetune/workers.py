"""A training on several workers, or on cards: Ray Train starts them where there is room, and starts all again when one dies.

The folder of the training must be on a disk that all workers see: it holds the checkpoint they go on from, and the words they exchange with
the process of the job (``stop``, ``error.txt``).
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import ray
import ray.train
import torch
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchConfig, TorchTrainer

from cluster.errors import HearthError, Unprocessable
from cluster.learning.tuning.folders import read_metrics
from cluster.standing_back import stand_back_entirely
from training.finetune.loop import Outcome, train
from training.finetune.run import Run, Task
from training.nano.ranks import Ranks

STOP, ERROR, OUTCOME, CARD = "stop", "error.txt", "outcome.json", "card-"
LOOK_S = 0.5


@dataclass(frozen=True, slots=True)
class Place:
    """``share`` of a card each worker may use; None: they are on the CPU. ``card``: what torch calls a card."""

    workers: int
    share: float | None = None
    card: str = "cuda"

    @property
    def device(self) -> str:
        return "cpu" if self.share is None else self.card


def work(told: Mapping[str, Any]) -> None:
    """What each worker does. What cannot be mended by starting again is written down instead of raised."""
    task: Task = told["task"]
    place: Place = told["place"]
    stand_back_entirely(task.limits.niceness)
    context = ray.train.get_context()
    ranks = Ranks(context.get_world_rank(), context.get_world_size(), place.device)
    if place.share is not None:
        (task.folder / f"{CARD}{ranks.rank}").write_text(str(ray.get_gpu_ids()[0]))
    if place.share is not None and place.device == "cuda":
        torch.cuda.set_per_process_memory_fraction(place.share)
    try:
        outcome = train(Run(task, place.device, ranks), lambda figures: None, (task.folder / STOP).exists)
    except HearthError as error:
        (task.folder / ERROR).write_text(error.message)
        return
    if ranks.rank == 0:
        (task.folder / OUTCOME).write_text(json.dumps(asdict(outcome)))


def train_on(task: Task, place: Place, report: Callable[[Mapping[str, float]], None], check: Callable[[], None]) -> Outcome:
    """On the Ray that this process is connected to. ``report`` and ``check`` are called in this process; what they raise stops the workers
    between two steps. Raises Unprocessable as :func:`train` does."""
    for name in (STOP, ERROR, OUTCOME, *(f"{CARD}{number}" for number in range(place.workers))):
        (task.folder / name).unlink(missing_ok=True)
    # Nothing is handed to Ray's own storage: checkpoints and figures are in the folder, and survive Ray.
    run_config = RunConfig(
        name="run", storage_path=str(task.folder / "ray"), failure_config=FailureConfig(max_failures=task.limits.restarts)
    )
    each = {"CPU": 1.0} if place.share is None else {"CPU": 1.0, "GPU": place.share}
    scaling = ScalingConfig(num_workers=place.workers, use_gpu=place.share is not None, resources_per_worker=each)
    trainer = TorchTrainer(
        work,
        train_loop_config={"task": task, "place": place},
        torch_config=TorchConfig(backend="nccl" if place.device == "cuda" else "gloo"),
        scaling_config=scaling,
        run_config=run_config,
    )
    with ThreadPoolExecutor(1, thread_name_prefix="Ray Train") as aside:
        fitting = aside.submit(trainer.fit)
        try:
            follow(task.folder, fitting, report, check)
        except BaseException:
            (task.folder / STOP).touch()
            raise
    if (task.folder / ERROR).exists():
        raise Unprocessable((task.folder / ERROR).read_text())
    fitting.result()
    return Outcome(**json.loads((task.folder / OUTCOME).read_text()))


def cards_of(folder: Path, workers: int) -> list[str]:
    """What Ray calls the cards on which the workers run; empty until all have begun."""
    files = [folder / f"{CARD}{number}" for number in range(workers)]
    return [file.read_text() for file in files] if all(file.exists() for file in files) else []


def follow(folder: Path, fitting: Future[Any], report: Callable[[Mapping[str, float]], None], check: Callable[[], None]) -> None:
    """Tells ``report`` what is new in the folder, until there is no more to come."""
    told = len(read_metrics(folder))
    while True:
        ended = fitting.done()
        check()
        found = read_metrics(folder)
        told = min(told, len(found))  # a restart takes back what came after its checkpoint
        for figures in found[told:]:
            report(figures)
        told = len(found)
        if ended:
            return
        wait((fitting,), timeout=LOOK_S)
