"""Whatever runs the processes of jobs: Ray (``ray_jobs.py``), or this machine without Ray (``cluster/fakes/jobs.py``)."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from cluster.home import Home
from cluster.jobs.table import Job


@dataclass(frozen=True, slots=True)
class Process:
    """``alive``: it runs, or will. ``message``: what is known of its end."""

    alive: bool
    message: str = ""


class JobRunner(Protocol):
    """Every call raises Unavailable when the runner does not answer in time; it is then not known whether it did what was asked."""

    async def submit(self, submission_id: str, command: Sequence[str], about: Mapping[str, str]) -> None:
        """Start ``command``, once, however often it is called with this id."""

    async def look(self, submission_id: str) -> Process | None:
        """None: the runner knows of no such process."""

    async def stop(self, submission_id: str) -> None:
        """Have it end; returns before it has. Nothing happens where there is none."""

    async def close(self) -> None: ...


def command_of(job: Job, module: str, home: Home) -> list[str]:
    """What does the job; a person can type the same."""
    return [sys.executable, "-m", module, str(job.id), "--attempt", str(job.attempt), "--home", str(home.root)]
