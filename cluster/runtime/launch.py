"""What the head process is told: the launch file, written by ``up`` and read once by the head."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from cluster.home import Home
from cluster.serving.args import LedgerArgs
from cluster.settings import Settings


class Launch(BaseModel):
    """``serve_config`` is a Ray Serve config file as Ray's own schema has it; ``memory_bytes`` is the RAM that models on the CPU share.
    ``turns``: whether there are models that are not loaded at the start, and take turns with others."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    profile: str
    settings: Settings
    num_cpus: int
    # NVML identifiers of the GPUs, in the order in which the plan counts them.
    gpus: tuple[str, ...]
    memory_bytes: int
    turns: bool
    serve_config: dict[str, Any]
    ledger: LedgerArgs


def launch_file(home: Home) -> Path:
    return home.run / "launch.json"


def read_launch(home: Home) -> Launch:
    return Launch.model_validate_json(launch_file(home).read_bytes())
