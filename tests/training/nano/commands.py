"""The commands of the recipes as processes, ended or killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import ray

from cluster.home import REPOSITORY
from training.nano.checkpoint import Checkpoint, load_checkpoint

START_S = 240


def ran(module: str, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    """The command in the run's folder, to its end."""
    return subprocess.run(_command(module, folder, *options), cwd=REPOSITORY, capture_output=True, text=True, timeout=START_S, check=False)


def killed(module: str, folder: Path, steps: int) -> Checkpoint:
    """What stands in the folder of a run that was killed ``steps`` steps after it began, or later."""
    process = subprocess.Popen(_command(module, folder), cwd=REPOSITORY, stdout=subprocess.DEVNULL)
    try:
        _wait_for_steps(folder, steps, process)
    finally:
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
    found = load_checkpoint(folder)
    assert found is not None
    return found


def trained_by_two(module: str, folder: Path) -> Checkpoint:
    """What two workers of the Ray that runs here leave in the folder."""
    ended = ran(module, folder, "--workers", "2", "--address", ray.get_runtime_context().gcs_address)
    assert ended.returncode == 0, ended.stderr[-3000:]
    found = load_checkpoint(folder)
    assert found is not None
    return found


def _command(module: str, folder: Path, *options: str) -> list[str]:
    return [sys.executable, "-m", module, "--out", str(folder), "--device", "cpu", *options]


def _wait_for_steps(folder: Path, steps: int, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline:
        assert process.poll() is None, "the training process ended by itself"
        saved = load_checkpoint(folder)
        if saved is not None and saved.step >= steps:
            return
        time.sleep(0.05)  # another process writes it
    raise AssertionError(f"no checkpoint after {START_S} s")
