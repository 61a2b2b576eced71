"""Runs a program that ends with its parent: ``python -m cluster.stores.tied SIGNAL UID GID PROGRAM ARGUMENTS...``.

UID and GID (-1: one's own) are what it runs as: changed here, because that account may not be able to reach this interpreter.
The kernel sends SIGNAL (a number) to the program when the process that started it is gone, so that a ``kill -9`` of the owner leaves no
server without one. Source: prctl(2), PR_SET_PDEATHSIG; it survives exec, but not a change of user, so it is set after that.
"""

from __future__ import annotations

import ctypes
import os
import sys

PR_SET_PDEATHSIG = 1


def main() -> None:
    parent = os.getppid()
    signal, uid, gid, *command = sys.argv[1:]
    if int(uid) >= 0:
        os.setgroups([])
        os.setgid(int(gid))
        os.setuid(int(uid))
    if sys.platform == "linux" and ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, int(signal)) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG) failed")
    if os.getppid() != parent:
        raise SystemExit("the parent ended before its child could be tied to it")
    os.execv(command[0], command)  # noqa: S606 - no shell; our own servers only


if __name__ == "__main__":
    main()
