"""Training: the loss falls, a killed run goes on where its checkpoint stands, and a bad number never reaches a checkpoint."""

from __future__ import annotations

import math
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

from cluster.home import REPOSITORY
from tests.training.nano.conftest import SPEC
from training.nano.batches import Encoder, batches
from training.nano.checkpoint import NAME, load_checkpoint
from training.nano.corpus import Stream
from training.nano.llm import Diverged, Run, progress_of, train

START_S = 240


def test_a_few_steps_reduce_the_loss(run_folder):
    run = Run(SPEC, run_folder, "cpu")
    batch = next(batches(Stream(1, "train"), Encoder(run.tokenizer, 0.15), 512, 128, progress_of(run)))
    losses = [run.update(batch) for _ in range(25)]
    assert losses[-1] < losses[0] / 2
    assert run.step == 25
    assert run.tokens == 25 * batch.tokens.numel()


def wait_for_steps(folder: Path, steps: int, process: subprocess.Popen[bytes]) -> None:
    """Until the run has written a checkpoint that is `steps` steps old or more."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the training process ended by itself"
        saved = load_checkpoint(folder)
        if saved is not None and saved.step >= steps:
            return
        time.sleep(0.05)
    raise AssertionError(f"no checkpoint after {START_S} s")


def test_a_run_killed_in_the_middle_goes_on_from_a_whole_checkpoint(run_folder):
    # This run writes a checkpoint after every step, so that the kill may well fall into the writing of one.
    command = [sys.executable, "-m", "training.nano.llm", "--out", str(run_folder), "--device", "cpu"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    try:
        wait_for_steps(run_folder, 5, process)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    killed = load_checkpoint(run_folder)
    assert killed is not None

    resumed = Run(SPEC.model_copy(update={"minutes": (killed.seconds + 1) / 60}), run_folder, "cpu")
    assert (resumed.step, resumed.tokens, resumed.seconds) == (killed.step, killed.tokens, killed.seconds)
    assert all(torch.equal(weight, killed.model[name]) for name, weight in resumed.model.state_dict().items())
    train(resumed)
    finished = load_checkpoint(run_folder)
    assert finished is not None
    assert finished.step == resumed.step > killed.step
    assert finished.seconds >= killed.seconds + 1


@pytest.mark.parametrize("cause", ["loss", "gradient"])
def test_a_number_that_is_none_stops_the_run_and_the_last_good_checkpoint_stays(run_folder, cause):
    run = Run(SPEC, run_folder, "cpu")
    run.save()
    good = (run_folder / NAME).read_bytes()
    if cause == "loss":
        run.model.model.norm.weight.data.fill_(math.nan)
    else:
        run.model.model.norm.weight.register_hook(lambda gradient: gradient * math.inf)  # type: ignore[no-untyped-call]
    with pytest.raises(Diverged, match=f"{cause} became"):
        train(run)
    assert (run_folder / NAME).read_bytes() == good
    assert run.step == 0
