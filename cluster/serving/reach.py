"""What the process of a job, and each of its workers on Ray, reaches of the running cluster, from code that waits."""

from __future__ import annotations

import atexit
import threading
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TypeVar

import tenacity
from anyio.from_thread import BlockingPortal, start_blocking_portal

from cluster.contracts.models import ModelStatus
from cluster.contracts.serving import API_APP
from cluster.errors import DeadlineExceeded, Overloaded, Unavailable
from cluster.home import Home
from cluster.runtime.launch import read_launch
from cluster.serving.args import ApiArgs
from cluster.serving.gateway import ServeGateway
from cluster.serving.vectors import ServeVectors
from cluster.settings import Settings
from cluster.stores.sql import Database
from cluster.stores.urls import database_url

AnswerT = TypeVar("AnswerT")
BUSY = (Unavailable, Overloaded, DeadlineExceeded)


@dataclass(frozen=True, slots=True)
class Attachment:
    """The running cluster, in a form that travels to other processes. ``models``: those of its profile."""

    settings: Settings
    models: tuple[ModelStatus, ...]

    @classmethod
    def of(cls, home: Home) -> Attachment:
        """Of the cluster that was started from ``home``."""
        launch = read_launch(home)
        args = next(app["args"] for app in launch.serve_config["applications"] if app["name"] == API_APP)
        return cls(launch.settings, ApiArgs.model_validate(args).models)

    def reach(self) -> Reach:
        """The one of this process; it stays open until the process ends."""
        key = str(self.settings.home)
        with _lock:
            if key not in _open:
                _open[key] = Reach(self)
                # The thread must be told to end while it still can: at finalization it is gone, and ending it then would wait for ever.
                atexit.register(_open[key].close)
            return _open[key]


class Reach:
    """Models, index and database, whose coroutines run on an event loop in a thread of its own. May be used from several threads."""

    def __init__(self, to: Attachment) -> None:
        self._running = ExitStack()
        self._portal: BlockingPortal = self._running.enter_context(start_blocking_portal(name="reach"))
        self._patience_s = to.settings.ingest.patience_s
        self.models = ServeGateway(to.models, to.settings)
        self.vectors = ServeVectors(to.settings.vectors)
        self.database = Database(database_url(to.settings), to.settings.storage)

    def wait(self, call: Callable[..., Awaitable[AnswerT]], *given: object) -> AnswerT:
        """What ``call(*given)`` returns. A model or an index that is busy, loading, or starting again is waited for, ``ingest.patience_s``
        seconds at most."""
        again = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(BUSY),
            wait=tenacity.wait_random_exponential(multiplier=0.5, max=10.0),
            stop=tenacity.stop_after_delay(self._patience_s),
            reraise=True,
        )
        answer: AnswerT = again(self._portal.call, call, *given)
        return answer

    def close(self) -> None:
        """Ends the thread; nothing may be waited for afterwards."""
        with self._running:
            self._portal.call(self.database.close)


_lock = threading.Lock()
_open: dict[str, Reach] = {}
