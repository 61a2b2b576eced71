"""Where a workspace lies, and holding it against others that would change it."""

from __future__ import annotations

import fcntl
import os
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cluster.errors import Unavailable
from cluster.tools.folders import closing, look, walked

WAIT_S = 30.0
LOCK_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC


class Place:
    """``HEARTH_HOME/workspaces/<organisation>/<name>``. Below ``root``, which is the operator's, no link is followed."""

    def __init__(self, root: Path, organisation_id: uuid.UUID, name: str) -> None:
        self._root = root
        self._organisation = str(organisation_id)
        self.name = name

    @contextmanager
    def organisation(self, *, make: bool) -> Iterator[int | None]:
        """The folder of all workspaces of the organisation; None where there is none."""
        if make:
            self._root.mkdir(parents=True, exist_ok=True, mode=0o700)
        try:
            root = os.open(self._root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except FileNotFoundError:
            yield None
            return
        with closing(root):
            if not make and look(root, self._organisation) is None:
                yield None
                return
            with walked(root, (self._organisation,), make=make) as folder:
                yield folder

    @contextmanager
    def locked(self, organisation: int) -> Iterator[int]:
        """The workspace's folder, made where there is none, with nobody else at it. Raises Unavailable."""
        deadline = time.monotonic() + WAIT_S
        while True:
            with (
                walked(organisation, (self.name,), make=True) as base,
                closing(os.open("lock", LOCK_FLAGS, 0o600, dir_fd=base)) as lock,
            ):
                _take(lock, deadline)
                there = look(organisation, self.name)
                # Else it was removed while this waited for it.
                if there is not None and there.st_ino == os.fstat(base).st_ino:
                    yield base
                    return


def _take(lock: int, deadline: float) -> None:
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise Unavailable(f"The workspace was being changed by others for {WAIT_S:g} s; retry in 5 s.") from None
            time.sleep(0.01)
        else:
            return
