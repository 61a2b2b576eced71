"""Checkpoints that survive kill -9: written beside the old one, flushed, then renamed over it."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

NAME = "checkpoint.pt"


@dataclass
class Checkpoint:
    """Everything a run needs to go on: weights, optimizer state, and how far it has come (steps, tokens, seconds)."""

    model: dict[str, torch.Tensor]
    optimizer: dict[str, Any]
    step: int
    tokens: int
    seconds: float


def save_checkpoint(folder: Path, checkpoint: Checkpoint) -> None:
    """Replace the folder's checkpoint; at every moment one whole checkpoint stands under its name."""
    partial = folder / f"{NAME}.partial"
    with partial.open("wb") as file:
        torch.save(vars(checkpoint), file)
        file.flush()
        os.fsync(file.fileno())
    partial.replace(folder / NAME)


def load_checkpoint(folder: Path) -> Checkpoint | None:
    """The folder's checkpoint on the CPU, or None where a run has not written one yet."""
    path = folder / NAME
    if not path.exists():
        return None
    return Checkpoint(**torch.load(path, map_location="cpu", weights_only=True))
