"""When a request of a batch lets others go first.

The gateway knows no priorities between requests of one model, and Ray Serve's queues neither; what residency does know is how many requests
each model works on and has waiting. So a batch looks there before it asks: it goes when nobody but itself asks a model on the same device.
Models that wait for their turn on that device count too, since residency evicts no model that is busy. It waits ``batches.yield_s`` seconds
at most, so that it gets on, slowly, where there is never a quiet moment. With ``batches.concurrency`` open at once, that is also how many
requests somebody who comes in between may find before theirs.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from cluster.settings import BatchSettings

# A request that has ended may still be counted: what residency knows is this old at most.
LAG_S = 2.0


@dataclass(frozen=True, slots=True)
class ModelLoad:
    """Requests that a model works on, and that wait for it."""

    model: str
    device: str
    ongoing: int
    queued: int


Look = Callable[[], Awaitable[Sequence[ModelLoad]]]


def others_ask(load: Sequence[ModelLoad], model: str, own: int) -> bool:
    """Whether others ask a model on the device of ``model``, of whose requests ``own`` are ours. False where nothing is known of it: a
    provider serves it, or residency does not answer."""
    base = model.partition(":")[0]
    device = next((use.device for use in load if use.model == base), None)
    beside = [use for use in load if use.device == device]
    return any(use.ongoing + use.queued > (own if use.model == base else 0) for use in beside)


class Pace:
    """For the requests of one batch. ``look``: how busy the models are; it is asked every ``batches.look_s`` seconds at most."""

    def __init__(self, look: Look, settings: BatchSettings) -> None:
        self._look = look
        self._settings = settings
        self._known: Sequence[ModelLoad] = ()
        self._looked = float("-inf")
        self._open = 0
        self._ended = deque[float]()
        self._looking = asyncio.Lock()

    async def turn(self, model: str) -> None:
        """Returns when a request may go."""
        until = time.monotonic() + self._settings.yield_s
        while others_ask(await self._load(), model, self._own()) and time.monotonic() < until:  # noqa: ASYNC110 - others' requests
            await asyncio.sleep(min(self._settings.look_s, max(until - time.monotonic(), 0)))

    def begin(self) -> None:
        """A request of ours goes."""
        self._open += 1

    def end(self) -> None:
        """It is answered."""
        self._open -= 1
        self._ended.append(time.monotonic())

    def _own(self) -> int:
        """How many requests of ours may be counted now."""
        while self._ended and self._ended[0] < time.monotonic() - LAG_S - self._settings.look_s:
            self._ended.popleft()
        return min(self._open + len(self._ended), self._settings.concurrency)

    async def _load(self) -> Sequence[ModelLoad]:
        async with self._looking:
            if time.monotonic() - self._looked >= self._settings.look_s:
                self._known = await self._look()
                self._looked = time.monotonic()
            return self._known
