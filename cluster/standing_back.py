"""CPU time in order of who waits for it: what computes for many at once, or for nobody, stands back. Loads nothing but the standard
library, so that it can be asked before anything else is loaded."""

from __future__ import annotations

import os
import threading


def stand_back(niceness: int) -> None:
    """Lowers the priority of the calling thread to ``niceness``, as of nice(1), and so of those that it starts from now on; other threads
    keep theirs. One that stands further back already stays there."""
    thread = threading.get_native_id()
    os.setpriority(os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread)))
