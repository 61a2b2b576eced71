"""A training run small enough for a test: the shipped tokenizer, a network of a few hundred thousand weights, a folder of its own."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from training.nano.evaluate import WEIGHTS
from training.nano.network import ShapeSpec
from training.nano.spec import RunSpec

SHAPE = ShapeSpec(width=64, layers=2, heads=2, kv_heads=1, inner=128, context=512)
SPEC = RunSpec(
    minutes=60, shape=SHAPE, tokens_per_step=512, longest=128, warmup_steps=2, checkpoint_seconds=0.001, exam_seconds=3600, log_steps=1
)


@pytest.fixture
def run_folder(tmp_path: Path) -> Path:
    """The folder of a run that has its spec and tokenizer and has not begun."""
    folder = tmp_path / "run"
    (folder / "tokenizer").mkdir(parents=True)
    shutil.copy(WEIGHTS / "tokenizer.json", folder / "tokenizer" / "tokenizer.json")
    SPEC.save(folder)
    return folder


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Small networks only wait for a second thread."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
