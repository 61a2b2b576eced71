"""What a run computes on: which device, in which number format, and how fast that device multiplies matrices at best."""

from __future__ import annotations

import os
import time

import torch

from cluster.errors import ConfigError

LARGE = {"cuda": 8192, "cpu": 1024}  # rows of the matrices whose product measures a device
ROUNDS = {"cuda": 20, "cpu": 4}


def choose_device(name: str) -> str:
    """ "auto" is the card where there is one. Raises ConfigError for a device this process does not have."""
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    if name not in LARGE:
        raise ConfigError(f"--device {name} is unknown; use auto, cpu or cuda.")
    if name == "cuda" and not torch.cuda.is_available():
        raise ConfigError("--device cuda, but torch sees no card here; use --device cpu, or a torch that is built for CUDA.")
    return name


def number_format(device: str, width: int) -> torch.dtype:
    """bfloat16 on a card; on a CPU whichever of bfloat16 and float32 multiplies the network's matrices faster."""
    if device == "cuda":
        return torch.bfloat16
    return max((torch.float32, torch.bfloat16), key=lambda dtype: _rate(device, dtype, (4096, width, 2 * width)))


def spare_threads() -> int:
    """Half of the cores. Threads that wait for each other while somebody else has a core get slower than one: measured, ten to a hundred
    times."""
    return max(1, len(os.sched_getaffinity(0)) // 2)


def matrix_rate(device: str, dtype: torch.dtype) -> float:
    """Operations in a second that large matrix products reach on this device, measured now."""
    size = LARGE[device]
    return _rate(device, dtype, (size, size, size))


def _rate(device: str, dtype: torch.dtype, sizes: tuple[int, int, int]) -> float:
    rows, inner, columns = sizes
    left = torch.randn(rows, inner, device=device, dtype=dtype)
    right = torch.randn(inner, columns, device=device, dtype=dtype)
    best = float("inf")
    for _ in range(ROUNDS[device]):
        _wait(device)
        begun = time.perf_counter()
        left @ right
        _wait(device)
        best = min(best, time.perf_counter() - begun)
    return 2.0 * rows * inner * columns / best


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
