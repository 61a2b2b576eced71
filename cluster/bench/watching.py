"""Memory over time: a thread that looks at processes every few seconds and keeps the most."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import psutil

from cluster.bench.usage import ProcessUse, look

# What an ingestion starts: its job, the actors of its stages, Ray Data's own, and the process of the parsers.
_JOB = ("pipelines.ingest", "cluster.content.isolated", "ray::MapWorker", "ray::_StatsActor", "ray::_AutoscalingCoordinatorActor")


@dataclass(frozen=True, slots=True)
class Peak:
    """Most bytes at one moment: of the job's processes, and of all."""

    job: int = 0
    everything: int = 0


UNSEEN = Peak()


class MemoryWatch:
    """Used as a context manager; :attr:`peak` is what was seen so far."""

    def __init__(self, processes: Callable[[], Iterable[psutil.Process]], every_s: float = 2.0) -> None:
        self._processes = processes
        self._every_s = every_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memory", daemon=True)
        self.peak = UNSEEN

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._ended.set()
        self._thread.join()

    def _run(self) -> None:
        while True:
            self.peak = higher(self.peak, look(self._processes()))
            if self._ended.wait(self._every_s):
                return


def higher(peak: Peak, seen: Iterable[ProcessUse]) -> Peak:
    """``peak``, or what is ``seen`` now where that is more."""
    uses = list(seen)
    job = sum(use.pss_bytes for use in uses if use.name.startswith(_JOB))
    return Peak(max(peak.job, job), max(peak.everything, sum(use.pss_bytes for use in uses)))
