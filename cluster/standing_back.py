"""CPU time in order of who waits for it: what computes for many at once, or for nobody, stands back. Loads nothing but the standard
library, so that it can be asked before anything else is loaded.

Source: sched(7) and sched_setscheduler(2) of the Linux manual pages.
"""

from __future__ import annotations

import os
import threading
import time
from pathlib import Path

# As of nice(1). What stands this far back runs when nobody else wants to, and whoever wakes up takes its place at once (SCHED_IDLE); what
# stands less far back is first to end its turn, a few milliseconds at each of the processes that a request goes through.
LAST = 19
AUTOGROUP = Path("/proc/self/autogroup")
# The kernel takes one word in 100 ms from all who may not do as they please.
PAUSES_S = (0.0, 0.1, 0.2, 0.4)


def stand_back(niceness: int) -> None:
    """Lowers the priority of the calling thread to ``niceness``, and so of those that it starts from now on; other threads keep theirs.
    One that stands further back already stays there."""
    _stand_back(threading.get_native_id(), niceness)


def stand_back_entirely(niceness: int) -> None:
    """The same for every thread of this process."""
    for thread in Path("/proc/self/task").iterdir():
        _stand_back(int(thread.name), niceness)


def stand_back_from_other_sessions(niceness: int) -> None:
    """The same for the session of this process as a whole, if it is the first of it, as a job of Ray's is. Where the kernel shares CPU
    time among sessions before it does among their processes (autogroups), priorities count within one only: whatever its threads say, a
    session of its own gets as much as all of the cluster. Elsewhere this changes nothing."""
    if os.getsid(0) != os.getpid() or not sessions_share():
        return
    for pause in PAUSES_S:
        time.sleep(pause)
        try:
            AUTOGROUP.write_text(str(niceness))
        except BlockingIOError:
            continue
        except OSError:  # a container's /proc, which looks as if it could be written
            return
        return


def sessions_share() -> bool:
    """Whether this process gets its CPU time as one of its session. In a container's control group it does not: its file is empty."""
    return os.access(AUTOGROUP, os.W_OK) and AUTOGROUP.read_bytes() != b""


def _stand_back(thread: int, niceness: int) -> None:
    try:
        os.setpriority(os.PRIO_PROCESS, thread, max(niceness, os.getpriority(os.PRIO_PROCESS, thread)))
        if niceness >= LAST:
            os.sched_setscheduler(thread, os.SCHED_IDLE, os.sched_param(0))
    except (ProcessLookupError, PermissionError):  # it has just ended; a container forbids the policy: it is as nice as can be
        return
