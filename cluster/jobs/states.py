"""How a job stands, and what may follow.

    queued ──► running ──► succeeded
      │ ▲        │ │ └───► failed ─────┐ retry
      │ └────────┘ └─────► cancelled ──┤
      │  resumed              ▲        │
      └───────────────────────┘  ◄─────┴─ back to queued

A table of pairs, because the machine that counts is the ``WHERE state IN (...)`` of an UPDATE: a library such as ``transitions`` guards an
object in one process, while here several processes change one row.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class JobState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    CANCELLED = "cancelled"


FOLLOWING: Mapping[JobState, frozenset[JobState]] = {
    # Failed straight away: what it is for is not there any more.
    JobState.QUEUED: frozenset({JobState.RUNNING, JobState.CANCELLED, JobState.FAILED}),
    JobState.RUNNING: frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED, JobState.QUEUED}),
    JobState.SUCCEEDED: frozenset(),
    JobState.FAILED: frozenset({JobState.QUEUED}),
    JobState.CANCELLED: frozenset({JobState.QUEUED}),
}
ENDED = frozenset({JobState.SUCCEEDED, JobState.FAILED, JobState.CANCELLED})


def origins(target: JobState) -> frozenset[JobState]:
    """The states from which ``target`` may be reached."""
    return frozenset(state for state, following in FOLLOWING.items() if target in following)
