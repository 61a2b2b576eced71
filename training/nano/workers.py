"""A run on several workers: Ray Train starts them on the machines of a cluster, and torch keeps their gradients equal.

The run's folder must be on a disk that all workers see. A worker that dies takes the group with it; the group starts again from the
folder's checkpoint.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import ray
import ray.train
from ray.train import FailureConfig, RunConfig, ScalingConfig
from ray.train.torch import TorchTrainer

from training.nano.loop import AnyTrainee, train
from training.nano.ranks import Ranks
from training.nano.training_spec import TrainingSpec

RESTARTS = 2


def work(settings: Mapping[str, Any]) -> None:
    """What each worker does: the same run as on one machine, as one of several."""
    context = ray.train.get_context()
    ranks = Ranks(context.get_world_rank(), context.get_world_size(), settings["device"])
    run = settings["begin"](settings["spec"], Path(settings["folder"]), settings["device"], ranks)
    train(run, lambda figures: ray.train.report(dict(figures)))


def train_on(
    workers: int, begin: Callable[[Any, Path, str, Ranks], AnyTrainee], spec: TrainingSpec, folder: Path, device: str, address: str
) -> None:
    """Train with ``workers`` processes, on the cluster at ``address`` ("local": one of its own, which ends with it)."""
    ray.init(address=address, log_to_driver=True, include_dashboard=False if address == "local" else None)
    try:
        trainer = TorchTrainer(
            work,
            train_loop_config={"begin": begin, "spec": spec, "folder": str(folder), "device": device},
            scaling_config=ScalingConfig(num_workers=workers, use_gpu=device == "cuda"),
            run_config=RunConfig(name=folder.name, storage_path=str(folder / "ray"), failure_config=FailureConfig(max_failures=RESTARTS)),
        )
        trainer.fit()
    finally:
        ray.shutdown()
