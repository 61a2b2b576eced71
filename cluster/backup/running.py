"""The stores of a home, answering: those of the running cluster, else started for as long as they are needed."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from filelock import Timeout

from cluster.errors import Conflict
from cluster.home import Home
from cluster.runtime.launch import read_launch
from cluster.runtime.start import lock
from cluster.runtime.state import running
from cluster.settings import Settings
from cluster.stores.keeper import Stores

Report = Callable[[str], None]


@contextmanager
def stores_of(home: Home, settings: Settings, report: Report = lambda _step: None) -> Iterator[Settings]:
    """Settings that lead to the stores: the running cluster's own, else ``settings``; then `up` has to wait until the block ends.

    Raises Conflict while the cluster starts or stops, Unavailable when the stores do not start.
    """
    state = running(home)
    if state is not None:
        if state.phase != "ready":
            raise Conflict(f"Hearth is {state.phase}; try again when that is done (`hearth status`).")
        yield read_launch(home).settings
        return
    home.create()
    try:
        with lock(home):
            yield from _started(home, settings, report)
    except Timeout:
        raise Conflict(f"A `hearth up`, `down` or `backup` is at work on {home.root}; wait for it to finish.") from None


def _started(home: Home, settings: Settings, report: Report) -> Iterator[Settings]:
    stores = Stores(home, settings)
    try:
        stores.start(report)
        yield settings
    finally:
        stores.stop()
        shutil.rmtree(home.scratch, ignore_errors=True)
