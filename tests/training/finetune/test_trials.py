"""A search with Ray Tune: few short trainings of hearth-nano, in a process of its own each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import pytest

from cluster.errors import Cancelled
from cluster.learning.tuning.folders import read_metrics, trial_folder
from training.finetune.trials import search
from training.finetune.workers import Place

# The second learns nothing.
CHOSEN = [{"learning_rate": 3e-3, "rank": 4}, {"learning_rate": 1e-7, "rank": 4}, {"learning_rate": 2e-3, "rank": 8}]


class Ended(Exception):
    """Whatever ends the process of the job."""


@pytest.mark.usefixtures("ray_runtime")
def test_a_search_that_was_ended_goes_on_repeats_no_trial_and_keeps_the_best(task):
    asked = task(24, epochs=3, evaluations=4)

    def ends(figures: Mapping[str, float]) -> None:
        if figures["trial"] == 2:
            raise Ended

    with pytest.raises(Ended):
        search(asked, Place(1), CHOSEN, ends, lambda: None)
    first = trial_folder(asked.folder, 0)
    done = read_metrics(first)
    written = (first / "outcome.json").stat().st_mtime_ns
    assert done

    told: list[Any] = []
    outcome, trials = search(asked, Place(1), CHOSEN, told.append, lambda: None)
    assert {figures["trial"] for figures in told} <= {2, 3}
    assert read_metrics(first) == done
    assert (first / "outcome.json").stat().st_mtime_ns == written, "nothing of it was repeated"
    assert [trial.state for trial in trials] == ["finished", "stopped", trials[2].state]
    assert trials[1].step < trials[0].step, "it fell behind"
    best = min(trials, key=lambda trial: math.inf if trial.loss is None else trial.loss)
    assert best.number != 1
    assert outcome.best == best.loss
    kept = trial_folder(asked.folder, best.number) / "best" / "adapter_model.safetensors"
    assert (asked.folder / "best" / "adapter_model.safetensors").read_bytes() == kept.read_bytes()
    steps = [(figures["trial"], figures["step"]) for figures in read_metrics(asked.folder) if "train_loss" in figures]
    assert steps == sorted(set(steps)), "no step is told twice"


@pytest.mark.usefixtures("ray_runtime")
def test_a_trial_that_fails_ends_no_search_and_a_cancelled_search_leaves_nothing_running(pair_task, tmp_path):
    asked = pair_task(tmp_path, 12, epochs=2)
    harmful = [{"learning_rate": 1e18}, {"learning_rate": 1e-4}]
    _, trials = search(asked, Place(1), harmful, lambda figures: None, lambda: None)
    assert [trial.state for trial in trials] == ["failed", "finished"]
    assert "became" in (trials[0].error or "")
    assert (asked.folder / "reference.safetensors").is_file(), "what the reference says is shared by the trials"

    def cancelled() -> None:
        raise Cancelled("cancelled")

    (trial_folder(asked.folder, 1) / "outcome.json").unlink()
    with pytest.raises(Cancelled):
        search(asked, Place(1), harmful, lambda figures: None, cancelled)
    assert not (trial_folder(asked.folder, 1) / "outcome.json").exists()
