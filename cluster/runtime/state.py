"""The run file: what the running cluster is, written by the head process and read by every command."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from cluster.home import Home
from cluster.runtime import processes

Phase = Literal["starting", "ready", "stopping", "failed"]


class RunState(BaseModel):
    """``step``: what is going on now, for people. ``error``: why it failed. Times are Unix times."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    pid: int
    phase: Phase
    step: str = ""
    error: str | None = None
    profile: str
    base_url: str
    dashboard_url: str | None = None
    ray_address: str | None = None
    started_at: float
    ready_at: float | None = None


def write_atomically(path: Path, text: str, *, mode: int = 0o600) -> None:
    """``path`` holds either what it held or ``text``, never a part, even after a crash. By default nobody else can read it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
        os.fchmod(file.fileno(), mode)
    Path(name).replace(path)


def run_file(home: Home) -> Path:
    return home.run / "cluster.json"


def write_state(home: Home, state: RunState) -> None:
    write_atomically(run_file(home), state.model_dump_json(indent=1))


def read_state(home: Home) -> RunState | None:
    """The state as last written, or None when there is none (or it is not readable as one)."""
    try:
        return RunState.model_validate_json(run_file(home).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def running(home: Home) -> RunState | None:
    """The state of a cluster whose head process lives, else None."""
    state = read_state(home)
    return state if state and processes.alive(state.pid, home) else None
