"""How a run of a graph stands, and what may follow.

    queued ──► running ──► succeeded
      │ ▲       │ ▲ │ └──► failed ─────┐ retry
      │ │       ▼ │ └────► cancelled ──┤
      │ │     waiting                  │
      │ └── paused ◄───────────────────┴─ back to queued

``waiting``: for a person or for a time; nothing is held meanwhile. Its answer, or its time, makes it queued again. ``paused``: by a
person, between two steps. A table of pairs, because the machine that counts is the ``WHERE state IN (...)`` of an UPDATE (see
cluster/jobs/states.py)."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class RunState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    WAITING = "waiting"
    PAUSED = "paused"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FOLLOWING: Mapping[RunState, frozenset[RunState]] = {
    RunState.QUEUED: frozenset({RunState.RUNNING, RunState.PAUSED, RunState.CANCELLED, RunState.FAILED}),
    # Queued again: the process that ran it died, or gives it back.
    RunState.RUNNING: frozenset(
        {RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED, RunState.WAITING, RunState.PAUSED, RunState.QUEUED}
    ),
    RunState.WAITING: frozenset({RunState.QUEUED, RunState.PAUSED, RunState.CANCELLED, RunState.FAILED}),
    RunState.PAUSED: frozenset({RunState.QUEUED, RunState.CANCELLED}),
    RunState.SUCCEEDED: frozenset(),
    RunState.FAILED: frozenset({RunState.QUEUED}),
    RunState.CANCELLED: frozenset({RunState.QUEUED}),
}
# Task types of runs that nobody handed in as a task.
GRAPH, CHAT = "graph", "chat"
NO_TASKS = frozenset({GRAPH, CHAT})
ENDED = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED})


def origins(target: RunState) -> frozenset[RunState]:
    """The states from which ``target`` may be reached."""
    return frozenset(state for state, following in FOLLOWING.items() if target in following)
