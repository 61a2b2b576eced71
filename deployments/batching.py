"""Dynamic batching of what has a length (token sequences): what waits while a batch is computed goes into the next, like lengths together.

A request alone starts at once: no timer runs. Requests take turns, so that one of 2048 texts does not hold up one of a single sentence.
Where the engine can compute several batches at once, each has a thread of its own, a lane: two of one thread do more on two cores than one
of two threads, which wait for each other after every layer.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Sequence, Sized
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Generic, TypeVar

import numpy as np
import numpy.typing as npt

from cluster.errors import Unavailable

Vectors = npt.NDArray[np.float32]
ItemT = TypeVar("ItemT", bound=Sized)
MAX_ROWS = 256
STOPPED = "This copy of the model is not running any more; retry in 2 s."


@dataclass(slots=True, eq=False)
class _Request(Generic[ItemT]):
    answer: asyncio.Future[Vectors]
    waiting: deque[_Sequence[ItemT]]
    rows: list[npt.NDArray[np.float32] | None]
    missing: int


@dataclass(slots=True, eq=False)
class _Sequence(Generic[ItemT]):
    item: ItemT
    request: _Request[ItemT]
    row: int
    taken: bool = False


class Batcher(Generic[ItemT]):
    """``compute`` is called with the items of one batch, and gives a row for each; in as many threads at once as there are ``lanes``.
    ``max_tokens``: how many tokens a batch may hold, padding included; a single longer item is a batch of its own. ``prepare`` is called
    first in each of the threads.

    All methods are called on one event loop.
    """

    def __init__(
        self, compute: Callable[[Sequence[ItemT]], Vectors], max_tokens: int, prepare: Callable[[], None] = lambda: None, lanes: int = 1
    ) -> None:
        self._compute = compute
        self.max_tokens = max_tokens
        self._sorted: list[_Sequence[ItemT]] = []  # all waiting sequences, by length
        self._turns: deque[_Request[ItemT]] = deque()
        self._threads = ThreadPoolExecutor(lanes, thread_name_prefix="batch", initializer=prepare)
        self._free = self.lanes = lanes
        self.running = 0
        """Sequences in the batches being computed."""

    @property
    def queued(self) -> int:
        """Sequences that wait for a batch."""
        return len(self._sorted)

    async def submit(self, sequences: Sequence[ItemT]) -> Vectors:
        """One row for each sequence, in their order. Raises what ``compute`` raised, and Unavailable when the batcher is closed. Cancelling
        withdraws what has not been started."""
        request: _Request[ItemT] = _Request(asyncio.get_running_loop().create_future(), deque(), [None] * len(sequences), len(sequences))
        request.waiting.extend(_Sequence(item, request, row) for row, item in enumerate(sequences))
        self._sorted.extend(request.waiting)
        self._sorted.sort(key=_length)
        self._turns.append(request)
        # After those that arrive in the same turn of the loop, so that they are computed together.
        asyncio.get_running_loop().call_soon(self._fill)
        try:
            return await request.answer
        finally:
            self._withdraw(request)

    def close(self) -> None:
        """Ends the threads; batches that are being computed are waited for, and delivered."""
        self._threads.shutdown(wait=True, cancel_futures=True)

    def _fill(self) -> None:
        """Has every lane that is free begin a batch."""
        loop = asyncio.get_running_loop()
        while self._sorted and self._free:
            batch = self._next()
            try:
                computing = loop.run_in_executor(self._threads, self._compute, [one.item for one in batch])
            except RuntimeError:  # the lanes were closed, or could not be prepared
                _fail(batch, Unavailable(STOPPED))
                continue
            self._free -= 1
            self.running += len(batch)
            computing.add_done_callback(partial(self._ended, batch))

    def _ended(self, batch: Sequence[_Sequence[ItemT]], computing: asyncio.Future[Vectors]) -> None:
        self._free += 1
        self.running -= len(batch)
        if computing.cancelled():  # closed before the lane had begun
            _fail(batch, Unavailable(STOPPED))
        elif (error := computing.exception()) is not None:
            _fail(batch, error)
        else:
            for one, vector in zip(batch, computing.result(), strict=True):
                _deliver(one, vector)
        self._fill()

    def _next(self) -> list[_Sequence[ItemT]]:
        """The next batch: one sequence of the request whose turn it is, and its nearest in length, whosever they are."""
        low = self._sorted.index(self._anchor())
        high = low + 1
        longest = _length(self._sorted[low])
        while high - low < MAX_ROWS:
            shorter = longest - _length(self._sorted[low - 1]) if low > 0 else None
            longer = _length(self._sorted[high]) - longest if high < len(self._sorted) else None
            upwards = longer is not None and (shorter is None or longer <= shorter)
            if not upwards and shorter is None:
                break
            longest += longer if upwards and longer is not None else 0
            if longest * (high - low + 1) > self.max_tokens:
                break
            low, high = (low, high + 1) if upwards else (low - 1, high)
        batch = self._sorted[low:high]
        del self._sorted[low:high]
        for one in batch:
            one.taken = True
        return batch

    def _anchor(self) -> _Sequence[ItemT]:
        """The first waiting sequence of the request whose turn it is. Something must be waiting."""
        while True:
            waiting = self._turns[0].waiting
            while waiting and waiting[0].taken:
                waiting.popleft()
            if waiting:
                self._turns.rotate(-1)
                return waiting[0]
            self._turns.popleft()

    def _withdraw(self, request: _Request[ItemT]) -> None:
        request.waiting.clear()
        if request.missing:
            self._sorted = [one for one in self._sorted if one.request is not request]


def _length(sequence: _Sequence[ItemT]) -> int:
    return len(sequence.item)


def _fail(batch: Sequence[_Sequence[ItemT]], error: BaseException) -> None:
    for one in batch:
        if not one.request.answer.done():
            one.request.answer.set_exception(error)


def _deliver(one: _Sequence[ItemT], vector: npt.NDArray[np.float32]) -> None:
    request = one.request
    request.rows[one.row] = vector
    request.missing -= 1
    if not request.missing and not request.answer.done():
        request.answer.set_result(np.stack([row for row in request.rows if row is not None]))
