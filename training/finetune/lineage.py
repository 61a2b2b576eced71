"""Where an adapter comes from: everything that is needed to make it again, and to know whom it must be taken from."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.metadata import version
from typing import Any

from cluster.learning.tuning.spec import Hyperparameters, TuningSpec
from cluster.learning.tuning.weights import base_sha256
from training.finetune.data import Data
from training.finetune.loop import Outcome
from training.finetune.run import Task
from training.finetune.trials import Trial, best_of

CODE = ("hearth", "peft", "torch", "transformers")


def lineage_of(
    spec: TuningSpec, task: Task, data: Data, outcome: Outcome, job_id: str, settled: Hyperparameters, trials: Sequence[Trial]
) -> dict[str, Any]:
    """As JSON. ``settled``: the parameters, none left open; of a search, those of the best trial are shown."""
    best = best_of(trials)
    parameters = settled.model_dump(mode="json") | (best.candidate if best is not None else {})
    lineage = {
        "job_id": job_id,
        "base": spec.base,
        "base_sha256": base_sha256(task.weights),
        "dataset_sha256": spec.train.sha256,
        "training_file": spec.train.name,
        "validation_sha256": spec.validation.sha256 if spec.validation else None,
        "method": spec.method.model_dump(mode="json"),
        "parameters": parameters,
        "workers": spec.workers,
        "code": {package: version(package) for package in (*CODE, *(["bitsandbytes"] if spec.method.quantization else []))},
        "examples": {
            "train": len(data.train),
            "held_out": len(data.held_out),
            "truncated": data.tally.truncated,
            "dropped": data.tally.dropped,
        },
        "metrics": {
            "steps": outcome.step,
            "tokens": outcome.tokens,
            "seconds": round(outcome.seconds, 2),
            "held_out_loss": outcome.best,
            "stopped_early": outcome.stopped_early,
        },
    }
    if best is not None:
        lineage["search"] = {"best": best.number + 1, "trials": [trial.as_json() for trial in trials]}
    return lineage
