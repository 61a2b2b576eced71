"""One training on the CPU of a machine at a time: two would share its cores, and both take more than twice as long."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import FileLock, Timeout

from cluster.errors import Unavailable
from cluster.home import Home

LOOK_S = 1.0


@contextmanager
def turn(home: Home, wait_s: float, waiting: Callable[[], None]) -> Iterator[None]:
    """This process's, as long as the block lasts; a killed one has it no longer. ``waiting``: called every second while another one has it,
    and ends the wait by raising. Raises Unavailable after ``wait_s``."""
    home.run.mkdir(parents=True, exist_ok=True)
    lock = FileLock(home.run / "fine-tuning.lock")
    until = time.monotonic() + wait_s
    while True:
        try:
            lock.acquire(timeout=LOOK_S)
            break
        except Timeout:
            if time.monotonic() > until:
                raise Unavailable(
                    f"Another training has the CPU for more than {wait_s:.0f} s (tuning.turn_wait_s); retry in 60 s."
                ) from None
            waiting()
    try:
        yield
    finally:
        lock.release()
