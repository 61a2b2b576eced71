"""Two workers that Ray Train starts, as one."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.errors import Unprocessable
from cluster.learning.tuning.folders import read_metrics
from training.finetune.loop import train
from training.finetune.run import Run
from training.finetune.workers import Place, train_on


def ignore(figures: Any) -> None: ...


@pytest.mark.usefixtures("ray_runtime")
def test_two_workers_learn_what_one_does_and_say_what_goes_wrong(task):
    asked = task(12, batch_size=4)
    alone = train(Run(asked, "cpu"), ignore)
    losses = [figures["train_loss"] for figures in read_metrics(asked.folder) if "train_loss" in figures]
    for file in asked.folder.glob("*.*"):
        file.unlink()
    told: list[Any] = []
    together = train_on(asked, Place(2), told.append, lambda: None)
    assert (together.step, together.tokens) == (alone.step, alone.tokens)
    assert together.best == pytest.approx(alone.best, rel=1e-3)
    assert [figures["train_loss"] for figures in told if "train_loss" in figures] == pytest.approx(losses, rel=1e-3)
    with pytest.raises(Unprocessable, match="longer than 16 tokens"):
        train_on(task(12, max_tokens=16), Place(2), ignore, lambda: None)
