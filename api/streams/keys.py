"""Names in Redis of all that belongs to one answer being written."""

from __future__ import annotations

import uuid

# Generations whose last event is not written yet.
OPEN = "hearth:streams:open"
# Channel on which the id of a generation is said when it has a new event.
WOKEN = "hearth:streams:woken"


def events(generation_id: uuid.UUID) -> str:
    return f"hearth:stream:{generation_id}:events"


def lease(generation_id: uuid.UUID) -> str:
    return f"hearth:stream:{generation_id}:lease"


def halt(generation_id: uuid.UUID) -> str:
    return f"hearth:stream:{generation_id}:halt"


def tokens(generation_id: uuid.UUID) -> str:
    """Hashes of the tokens that lead to it: there for as long as anybody may come to read."""
    return f"hearth:stream:{generation_id}:tokens"


def unused(token_hash: str) -> str:
    return f"hearth:stream-token:{token_hash}:unused"


def known(token_hash: str) -> str:
    return f"hearth:stream-token:{token_hash}:known"
