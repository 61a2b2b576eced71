"""Where an adapter comes from: everything that is needed to make it again, and to know whom it must be taken from."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

from cluster.learning.tuning.spec import TuningSpec
from cluster.learning.tuning.weights import base_sha256
from training.finetune.data import Data
from training.finetune.loop import Outcome
from training.finetune.run import Task

CODE = ("hearth", "peft", "torch", "transformers")


def lineage_of(spec: TuningSpec, task: Task, data: Data, outcome: Outcome, job_id: str, parameters: dict[str, Any]) -> dict[str, Any]:
    """As JSON. ``parameters``: those that it was trained with, none left open."""
    return {
        "job_id": job_id,
        "base": spec.base,
        "base_sha256": base_sha256(task.weights),
        "dataset_sha256": spec.train.sha256,
        "training_file": spec.train.name,
        "validation_sha256": spec.validation.sha256 if spec.validation else None,
        "method": spec.method.model_dump(mode="json"),
        "parameters": parameters,
        "workers": spec.workers,
        "code": {package: version(package) for package in CODE},
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
