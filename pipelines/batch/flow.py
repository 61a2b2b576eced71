"""The requests of a batch as a Ray Data pipeline: rows that say where a request stands, one actor that asks and writes the answers down.

One actor, because it must know which of the requests that models work on are its own (see pace.py); it waits for the network only, and has
``batches.concurrency`` requests open. It runs on the machine of the job, whose disk the file is on and whose API it asks. An answer is in
the database before the next request takes its place, so whatever dies, at most the open requests are asked again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pyarrow as pa  # type: ignore[import-untyped]
import ray.data
import tenacity
from ray.data import ActorPoolStrategy, DataContext
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from cluster.batches.answers import Answers, Attempt
from cluster.batches.lines import Request, body_of
from cluster.errors import HearthError
from cluster.jobs.pulse import AWAY
from cluster.settings import Settings
from cluster.stores.sql import Database
from cluster.stores.urls import database_url
from pipelines.batch.asking import Asking
from pipelines.batch.pace import Pace

ResultT = TypeVar("ResultT")


@dataclass(frozen=True, slots=True)
class Errand:
    """What the actor is told. ``file``: where the requests are."""

    of: Attempt
    endpoint: str
    file: Path
    settings: Settings


@dataclass(frozen=True, slots=True)
class Block:
    """What came of a block of requests. ``wanted``: whether more are to be asked. ``problem``: why the rest cannot be asked."""

    wanted: bool
    problem: str | None = None


def answered(requests: Sequence[Request], errand: Errand) -> Iterator[Block]:
    """Asks all that have no answer yet, and says so block by block; they are asked in their order."""
    size = errand.settings.batches.block_requests
    here = NodeAffinitySchedulingStrategy(ray.get_runtime_context().get_node_id(), soft=False)
    with DataContext.current(_context()):
        rows = ray.data.from_items([asdict(request) for request in requests], override_num_blocks=-(-len(requests) // size))
        done = rows.map_batches(
            Answering,
            batch_size=None,
            batch_format="pyarrow",
            fn_constructor_args=(errand,),
            compute=ActorPoolStrategy(size=1),
            num_cpus=0,
            scheduling_strategy=here,
        )
        for table in done.iter_batches(batch_size=None, batch_format="pyarrow"):
            assert isinstance(table, pa.Table), "the format that was asked for"
            yield from (Block(**row) for row in table.to_pylist())


class Answering:
    """The actor."""

    def __init__(self, errand: Errand) -> None:
        self._errand = errand
        self._limits = errand.settings.batches
        self._runner = asyncio.Runner()
        self._answers = Answers(Database(database_url(errand.settings), errand.settings.storage), errand.of)
        self._asking, self._pace = self._runner.run(self._open())

    def __call__(self, batch: pa.Table) -> pa.Table:
        requests = [Request(**row) for row in batch.to_pylist()]
        block = self._runner.run(self._block(requests))
        return pa.table({"wanted": [block.wanted], "problem": pa.array([block.problem], pa.string())})

    async def _open(self) -> tuple[Asking, Pace]:
        asking = Asking(self._errand.of.batch_id, self._errand.settings)
        return asking, Pace(asking.load, self._limits)

    async def _block(self, requests: Sequence[Request]) -> Block:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._unwanted())
            working = group.create_task(self._work(requests))
            await asyncio.wait((watching, working), return_when=asyncio.FIRST_COMPLETED)
            over = watching.done()
            watching.cancel()
            working.cancel()
        problem = None if working.cancelled() else working.result()
        return Block(wanted=not over, problem=problem)

    async def _unwanted(self) -> None:
        """Returns when there is no sense in asking more; requests that are open then are dropped."""
        while await self._patiently(self._answers.wanted):  # noqa: ASYNC110 - what is waited for is in the database
            await asyncio.sleep(self._limits.look_s)

    async def _work(self, requests: Sequence[Request]) -> str | None:
        """Asks those without an answer; why it had to stop, None when all are answered."""
        lines = [request.line for request in requests]
        had = await self._patiently(lambda: self._answers.answered(lines))
        waiting = iter([request for request in requests if request.line not in had])
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._limits.concurrency):
                    group.create_task(self._one_by_one(waiting))
        except ExceptionGroup as errors:
            first = errors.exceptions[0]
            if isinstance(first, HearthError):
                return first.message
            raise
        return None

    async def _one_by_one(self, waiting: Iterator[Request]) -> None:
        for request in waiting:
            await self._pace.turn(request.model)
            self._pace.begin()
            try:
                body = await asyncio.to_thread(_body, self._errand.file, request)
                answer = await self._asking.answer(request, self._errand.endpoint, body)
            finally:
                self._pace.end()
            await self._patiently(partial(self._answers.keep, [answer]))

    async def _patiently(self, call: Callable[[], Awaitable[ResultT]]) -> ResultT:
        """What ``call`` returns, tried again while the database is away."""
        again = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception_type(AWAY),
            wait=tenacity.wait_exponential_jitter(multiplier=0.1, max=2.0),
            stop=tenacity.stop_after_delay(self._limits.patience_s),
            reraise=True,
        )

        async def once() -> ResultT:
            return await call()

        return await again(once)


def _body(file: Path, request: Request) -> dict[str, Any]:
    with file.open("rb") as source:
        source.seek(request.offset)
        return body_of(source.read(request.length))


def _context() -> DataContext:
    context = DataContext.get_current().copy()
    context.execution_options.preserve_order = True
    context.enable_progress_bars = False
    return context
