"""One attempt at a run: from its claim until it has ended, waits, or is somebody else's."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeVar

import structlog
import tenacity
from langchain_core.runnables import RunnableConfig
from langsmith.run_helpers import tracing_context

from cluster.contracts.generation import JsonObject
from cluster.errors import HearthError
from cluster.graphs.checkpoints import Checkpoints
from cluster.graphs.claims import Claims, Wish
from cluster.graphs.pending import Pending
from cluster.graphs.states import RunState
from cluster.graphs.steps import Superseded
from cluster.graphs.table import GraphRun
from cluster.stores.away import AWAY, is_full
from cluster.tracing import Attribute, continued, span
from deployments.agents.budget import OverBudget
from deployments.agents.compiling import Compiled, compile_graph
from deployments.agents.outputs import output_of
from deployments.agents.retrying import as_said
from deployments.agents.state import beginning
from deployments.agents.visiting import Frame, NodeFailed, Underway

log = structlog.get_logger(__name__)

T = TypeVar("T")
# How long a database that is away is waited for with a run in hand.
LONGEST_S = 120.0
FULL = "The database has no room left on its disk. Make room and retry the run: what was done is kept."


class Leave(StrEnum):
    """Why an attempt is broken off. ``BACK``: its process stops, another goes on; ``LOST``: it is another's already."""

    CANCELLED = "cancelled"
    BACK = "back"
    LOST = "lost"


@dataclass(frozen=True, slots=True)
class Succeeded:
    output: JsonObject


@dataclass(frozen=True, slots=True)
class Failed:
    error: str
    node: str | None = None


@dataclass(frozen=True, slots=True)
class Waiting:
    """For people, or until ``wake_at``."""

    pending: Sequence[Pending]
    wake_at: datetime | None


@dataclass(frozen=True, slots=True)
class Paused:
    pass


End = Succeeded | Failed | Waiting | Paused | Leave


class Drive:
    """Begin with :meth:`run`. ``lost``: set when nothing that this process writes counts any more."""

    def __init__(self, row: GraphRun, underway: Underway, claims: Claims, checkpoints: Checkpoints, lost: asyncio.Event) -> None:
        self.id = row.id
        self.attempt = row.attempt
        self._row = row
        self._underway = underway
        self._claims = claims
        self._checkpoints = checkpoints
        self._lost = lost
        self._leave: Leave | None = None
        self._work: asyncio.Task[End] | None = None

    async def run(self) -> None:
        """Returns when the row says how the attempt ended, or it is no longer this attempt's to say. Cancelled, it gives the run back, and
        returns when that is written."""
        self._work = asyncio.create_task(self._worked(), name=f"run {self.id}")
        await self._outlasted(self._work)
        writing = asyncio.create_task(self._conclude(self._ended(self._work)), name=f"end of run {self.id}")
        await self._outlasted(writing)
        writing.result()

    def heed(self, wish: Wish) -> None:
        """What people asked of it: a pause comes before the next node, a cancellation now."""
        self._underway.pausing = wish.pause
        if wish.cancel:
            self.leave(Leave.CANCELLED)

    def leave(self, why: Leave) -> None:
        """Breaks off what is under way."""
        if self._leave is not None and why is not Leave.LOST:
            return
        self._leave = why
        if self._work is not None:
            self._work.cancel()

    async def _outlasted(self, task: asyncio.Task[Any]) -> None:
        while not task.done():
            try:
                await asyncio.wait({task})
            except asyncio.CancelledError:
                self.leave(Leave.BACK)

    def _ended(self, work: asyncio.Task[End]) -> End:
        if work.cancelled():
            return self._leave or Leave.BACK
        return work.result()

    async def _worked(self) -> End:
        """How the graph ended. A database that is away is waited for: the run goes on at its latest checkpoint."""
        try:
            async with asyncio.timeout(self._underway.budget.seconds_left) as timeout:
                return await self._patiently(self._driven, passing)
        except TimeoutError:
            if not timeout.expired():
                raise
            return Failed(self._underway.budget.late().message)
        except Superseded:
            return Leave.LOST
        except (OverBudget, NodeFailed) as error:
            return Failed(error.message, error.node if isinstance(error, NodeFailed) else None)
        except AWAY as error:
            return Failed(FULL) if is_full(error) else Leave.BACK  # for whoever reaches the database again
        except Exception as error:
            if not isinstance(error, HearthError):
                log.exception("a run failed in a way that nobody foresaw", run=str(self.id))
            return Failed(f"The run failed: {as_said(error)}")

    async def _driven(self) -> End:
        underway = self._underway
        frame = Frame(underway, underway.graph.main, self._row.input)
        compiled = compile_graph(frame.spec, frame.visit, self._checkpoints.saver())
        config: RunnableConfig = {
            "configurable": {"thread_id": str(self._row.thread)},
            "recursion_limit": 2 * underway.budget.most_steps + 10,
        }
        about: dict[str, Attribute] = {"hearth.run_id": str(self.id), "hearth.attempt": self.attempt}
        ours = span(f"graph {self._row.graph}", about, fine=(asyncio.CancelledError, Superseded))
        # LangSmith's tracing is off, whatever the environment says: nothing of a run goes to others.
        with continued(self._row.traceparent), ours, tracing_context(enabled=False):
            given = await self._beginning(frame, compiled, config)
            async for _ in compiled.astream(given, config, stream_mode="updates", durability="sync"):
                pass
            snapshot = await compiled.aget_state(config)
        if not snapshot.next:
            return Succeeded(await output_of(frame, snapshot.values["values"]))
        return Paused() if frame.paused else _waiting(frame)

    async def _beginning(self, frame: Frame, compiled: Compiled, config: RunnableConfig) -> Any:
        """What LangGraph is given: the state at first, and nothing where it goes on."""
        if self._row.from_checkpoint is not None:
            await self._go_back(compiled, config, self._row.from_checkpoint)
        kept = await compiled.aget_state(config)
        if not kept.values:
            return beginning(frame.spec.starts)
        frame.begin_with(kept.values["values"])
        return None

    async def _go_back(self, compiled: Compiled, config: RunnableConfig, checkpoint: str) -> None:
        """Makes an earlier checkpoint the latest. Done twice, it is the same."""
        there: RunnableConfig = {"configurable": {**config["configurable"], "checkpoint_id": checkpoint}}
        await compiled.aupdate_state(there, None, as_node="__copy__")
        if await self._claims.passed(self.id, self.attempt) is None:
            raise Superseded
        self._row.from_checkpoint = None

    async def _conclude(self, end: End) -> None:
        """Written whatever happens, except when it is another's to write."""
        if end is Leave.LOST or self._lost.is_set():
            return
        try:
            await self._patiently(lambda: self._written(end), lambda error: isinstance(error, AWAY))
        except AWAY:
            log.warning("how a run ended could not be written; whoever takes it over goes on with it", run=str(self.id))

    async def _written(self, end: End) -> None:
        claims, run, attempt = self._claims, self.id, self.attempt
        await self.note_time()
        match end:
            case Succeeded(output):
                await claims.end(run, attempt, RunState.SUCCEEDED, output=output)
            case Failed(error, node):
                await claims.end(run, attempt, RunState.FAILED, error=error, failed_node=node)
            case Waiting(pending, wake_at):
                await claims.wait(run, attempt, pending, wake_at)
            case Paused():
                await claims.pause(run, attempt)
            case Leave.CANCELLED:
                await claims.end(run, attempt, RunState.CANCELLED)
            case Leave.BACK:
                await claims.give_back(run, attempt)

    async def note_time(self) -> None:
        """Writes down how long it has worked since this was last done."""
        await self._claims.spend(self.id, self.attempt, seconds=self._underway.budget.lap())

    async def _patiently(self, do: Callable[[], Awaitable[T]], waits: Callable[[BaseException], bool]) -> T:
        """What ``do`` gives, tried again after errors that are waited for, as long as the run is this process's."""
        again = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(waits),
            wait=tenacity.wait_exponential_jitter(multiplier=0.1, max=2.0),
            stop=lambda state: self._lost.is_set() or (state.seconds_since_start or 0.0) > LONGEST_S,
            reraise=True,
        )

        async def once() -> T:  # tenacity tells by the function, not by what it returns, whether it is to be awaited
            return await do()

        return await again(once)


def passing(error: BaseException) -> bool:
    """Whether work waits for it to be over. A full disk stays full until somebody makes room; that is told to whoever asked for the run."""
    return isinstance(error, AWAY) and not is_full(error)


def _waiting(frame: Frame) -> Waiting:
    pending = list(frame.pending.values())
    return Waiting(pending, min((one.expires_at for one in pending if one.expires_at is not None), default=None))
