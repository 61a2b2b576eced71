"""Checkpoints that survive kill -9: written beside the old one, flushed, then renamed over it."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from cluster.errors import ConfigError

NAME = "checkpoint.pt"


@dataclass
class Checkpoint:
    """Everything a run needs to go on: weights, optimizer state, and how far it has come (steps, units seen, seconds)."""

    model: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    step: int
    seen: int
    seconds: float


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint; at every moment one whole checkpoint stands under its name. Raises OSError (a full disk); then the
    old one stays."""
    partial, packed = folder / f"{NAME}.partial", io.BytesIO()
    # torch hides what the disk says behind an error of its own.
    torch.save(vars(checkpoint), packed)
    try:
        with partial.open("wb") as file:
            file.write(packed.getbuffer())
            file.flush()
            os.fsync(file.fileno())
        partial.replace(folder / NAME)
    finally:
        partial.unlink(missing_ok=True)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The folder's checkpoint on the CPU, or None where a run has not written one yet. Raises ConfigError for a damaged file."""
    path = folder / NAME
    if not path.exists():
        return None
    try:
        return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
    except Exception as error:
        why = str(error).splitlines()[0]
        raise ConfigError(f"{path} is damaged ({why}); delete it to train from the beginning, or copy a good one back.") from error


def check_shape(folder: Path, saved: Mapping[str, torch.Tensor], wanted: Mapping[str, torch.Tensor]) -> None:
    """Raises ConfigError, naming the first difference, when the folder's checkpoint is of another network than `wanted`."""
    for name in sorted(saved.keys() | wanted.keys()):
        has, needs = (list(weights[name].shape) if name in weights else None for weights in (saved, wanted))
        if has != needs:
            raise ConfigError(
                f"{folder / NAME} is of another network: {name} has shape {has} there, and {needs} by run.json. "
                "Use the run.json it was trained with, or another folder (--out)."
            )
