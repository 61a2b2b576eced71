"""CPU time in order of who waits for it: computing for many at once stands back behind what streams to somebody."""

from __future__ import annotations

import os
import threading

# As of nice(1). With 5, a thread gets a third of what one at 0 gets where both want the same core, and all of it where nobody else does.
NICENESS = 5
# For what nobody waits for: a tenth of what one at 5 gets, a thirtieth of one at 0.
BEHIND = 15


def stand_back(niceness: int = NICENESS) -> None:
    """Lowers the priority of the calling thread, and so of those that it starts from now on; other threads keep theirs."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread)))
