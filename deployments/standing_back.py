"""How far the threads of a replica stand back (see cluster/standing_back.py)."""

from __future__ import annotations

from cluster import standing_back
from cluster.standing_back import LAST

# As of nice(1). With 5, a thread gets a third of what one at 0 gets where both want the same core, and all of it where nobody else does.
NICENESS = 5
# For what nobody waits for.
BEHIND = LAST


def stand_back(niceness: int = NICENESS) -> None:
    """Of the calling thread, and those that it starts from now on, behind what streams to somebody."""
    standing_back.stand_back(niceness)
