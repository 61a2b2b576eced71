"""How a message stands, and what may follow.

    queued ──► running ──► done
      ▲ ▲         │ └────► dead
      │ └─────────┘         │
      └──── replayed ◄──────┘

``dead``: it was tried ``queue.max_attempts`` times, or can never be done; it waits for a person who replays or discards it."""

from __future__ import annotations

from enum import StrEnum


class MessageState(StrEnum):
    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    DEAD = "dead"


QUEUED, RUNNING, DONE, DEAD = (state.value for state in MessageState)
