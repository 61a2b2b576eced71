"""How long a message waits after an attempt that failed."""

from __future__ import annotations

import random

from cluster.settings import QueueSettings


def wait_s(tries: int, settings: QueueSettings, chance: float | None = None) -> float:
    """Seconds after ``tries`` attempts that failed, at least one: doubling, bounded, and shortened by as much as ``queue.jitter`` of it.
    ``chance``: from 0 to 1; by default at random."""
    longest = min(settings.first_wait_s * 2.0 ** min(tries - 1, 64), settings.longest_wait_s)
    drawn = random.random() if chance is None else chance  # noqa: S311 - spreads attempts; nothing is kept secret by it
    return longest * (1.0 - settings.jitter * drawn)
