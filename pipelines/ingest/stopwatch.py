"""Where the time of an ingestion goes, stage by stage."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

ItemT = TypeVar("ItemT")


class Stopwatch:
    """Adds up seconds by stage. For one thread."""

    def __init__(self) -> None:
        self._seconds: defaultdict[str, float] = defaultdict(float)

    @contextmanager
    def __call__(self, stage: str) -> Iterator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self._seconds[stage] += time.perf_counter() - began

    def each(self, stage: str, items: Iterable[ItemT]) -> Iterator[ItemT]:
        """The items, and the time that each takes to come."""
        source = iter(items)
        while True:
            with self(stage):
                try:
                    item = next(source)
                except StopIteration:
                    return
            yield item

    def taken(self) -> dict[str, float]:
        """All since the last time it was asked."""
        seconds, self._seconds = self._seconds, defaultdict(float)
        return dict(seconds)
