from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cluster.home import REPOSITORY
from cluster.learning.tuning.spec import Hyperparameters, Method
from cluster.settings import TuningSettings
from tests.preferences import pair_file
from training.finetune.data import Sources
from training.finetune.run import Task

NANO = REPOSITORY / "training" / "nano" / "weights" / "hearth-nano"
LIMITS = TuningSettings(threads=1, checkpoint_s=3600)


@pytest.fixture
def task(tmp_path: Path, herd) -> Callable[..., Task]:
    """``task(examples, **parameters)``: few short steps on hearth-nano; the same folder each time."""

    def make(examples: int = 12, **parameters: Any) -> Task:
        file = tmp_path / "examples.jsonl"
        file.write_bytes(herd(examples))
        quick = {"epochs": 1, "batch_size": 3, "rank": 4, "held_out": 0.25, "evaluations": 2} | parameters
        folder = tmp_path / "training"
        folder.mkdir(exist_ok=True)
        return Task("hearth-nano", NANO, Sources(file), Hyperparameters(**quick), folder, LIMITS)

    return make


@pytest.fixture(scope="session")
def pair_task() -> Callable[..., Task]:
    """``pair_task(folder, pairs, **parameters)``: the same with the method `dpo`."""

    def make(place: Path, pairs: int = 12, **parameters: Any) -> Task:
        file = place / "pairs.jsonl"
        file.write_bytes(pair_file(pairs))
        quick = {"epochs": 1, "batch_size": 3, "rank": 4, "held_out": 0.25, "evaluations": 2} | parameters
        folder = place / "training"
        folder.mkdir(exist_ok=True)
        return Task("hearth-nano", NANO, Sources(file), Hyperparameters(**quick), folder, LIMITS, Method(type="dpo"))

    return make
