"""Carries runs on: claims those whose turn it is, drives them beside each other, and takes over what other processes left behind."""

from __future__ import annotations

import asyncio
import time
import uuid
from contextlib import suppress

import structlog

from cluster.errors import HearthError, Unavailable
from cluster.graphs.checkpoints import Checkpoints
from cluster.graphs.claims import Claims
from cluster.graphs.owning import Ownership
from cluster.graphs.runs import Runs
from cluster.graphs.states import RunState
from cluster.graphs.table import GraphRun
from cluster.stores.away import AWAY
from cluster.stores.sql import Database
from cluster.tracing import trace_of
from cluster.upkeep import Upkeep
from deployments.agents.driving import Drive, Leave
from deployments.agents.retrying import as_said
from deployments.agents.services import Services
from deployments.agents.waking import StepLogs, underway

log = structlog.get_logger(__name__)

# A database that is away is looked for so often, in seconds.
REST_S = 2.0
# People who cancel a run see it stop within a second, whatever graphs.look_s says of other things.
HEED_S = 1.0
# How often the time that a run has worked is written down, in seconds.
NOTED_S = 10.0
# How often what is too old is removed, in seconds.
CLEAN_EVERY_S = 3600.0


class Runner:
    """Belongs to one event loop. What it is given stays the caller's to close. ``logs``: makes the step log of a claimed run."""

    def __init__(self, database: Database, checkpoints: Checkpoints, services: Services, logs: StepLogs | None = None) -> None:
        self._database = database
        self._services = services
        self._settings = services.settings.graphs
        self._checkpoints = checkpoints
        self._claims = Claims(database, self._settings, services.live.turned)
        self._logs = logs or StepLogs(database, self._settings, services.live.look)
        self._clean = Upkeep("removing old runs of graphs and their checkpoints", CLEAN_EVERY_S, self._remove_lapsed)
        self._drives: dict[uuid.UUID, tuple[Drive, asyncio.Task[None]]] = {}
        self._woken = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._looked = self._noted = float("-inf")

    async def start(self) -> None:
        """Returns at once: a database that is away is waited for."""
        self._task = asyncio.create_task(self._run(), name="runner of graphs")
        self._clean.start()

    async def stop(self) -> None:
        """Gives back what is under way, and returns when that is written."""
        await self._clean.stop()
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait((self._task,))
            self._task = None

    def wake(self) -> None:
        """Look now."""
        self._woken.set()

    def check(self) -> None:
        """Raises Unavailable when it has stopped without being asked to."""
        if self._task is None or self._task.done():
            raise Unavailable("Nobody carries runs on here any more (retry in 5 s).")

    @property
    def busy(self) -> int:
        """Runs that are under way here."""
        return len(self._drives)

    async def _run(self) -> None:
        """From one ownership to the next, for ever."""
        while True:
            own = Ownership(self._services.settings)
            try:
                await own.start()
            except Unavailable as error:
                log.warning("no graph is run here", reason=error.message)
                await asyncio.sleep(REST_S)
                continue
            try:
                await self._own(own)
            finally:
                await self._leave_all(Leave.LOST if own.lost.is_set() else Leave.BACK)
                await own.stop()

    async def _own(self, own: Ownership) -> None:
        """Until the lock may be somebody else's."""
        while not own.lost.is_set():
            woken = self._woken.is_set()
            self._woken.clear()
            try:
                await self._look(own, woken=woken)
            except AWAY as error:
                log.warning("runs could not be looked after; it is tried again", error=type(error).__name__)
            except Exception:
                # Whatever it is, runs that wait for it to be over must not wait for ever.
                log.exception("runs could not be looked after; it is tried again")
            await self._rest(own)

    async def _rest(self, own: Ownership) -> None:
        """Until there is something to see, or it is time to look."""
        waits = [asyncio.create_task(event.wait()) for event in (self._woken, own.lost)]
        try:
            await asyncio.wait(waits, timeout=min(self._settings.look_s, HEED_S), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for waiting in waits:
                waiting.cancel()

    async def _look(self, own: Ownership, *, woken: bool) -> None:
        await self._heed(own)
        if not woken and time.monotonic() - self._looked < self._settings.look_s:
            return
        self._looked = time.monotonic()
        await self._claims.wake_due()
        await self._claims.take_over()
        for row in await self._claims.claim(own.worker, self._settings.concurrent - len(self._drives)):
            await self._begin(row, own)

    async def _remove_lapsed(self) -> None:
        async with self._database.session() as session:
            runs = await Runs(session, self._settings).remove_lapsed()
        threads = await self._checkpoints.remove_lapsed()
        if runs or threads:
            log.info("what was too old is removed", runs=runs, threads=threads)

    async def _heed(self, own: Ownership) -> None:
        """Does what people asked of runs that are under way here."""
        if not self._drives:
            return
        wishes = await self._claims.look_at_all(own.worker)
        for run_id, (drive, _) in list(self._drives.items()):
            attempt, wish = wishes.get(run_id, (None, None))
            if wish is None or attempt != drive.attempt:
                drive.leave(Leave.LOST)
            else:
                drive.heed(wish)
        if time.monotonic() - self._noted > NOTED_S:
            self._noted = time.monotonic()
            for drive, _ in list(self._drives.values()):
                await drive.note_time()

    async def _begin(self, row: GraphRun, own: Ownership) -> None:
        """A run that cannot even be begun has failed, and says why."""
        try:
            ready = underway(row, self._services, self._logs.of(row))
        except HearthError as error:
            said = f"The run cannot be begun: {as_said(error)}"
            await self._claims.end(row.id, row.attempt, RunState.FAILED, error=said)
            return
        drive = Drive(row, ready, self._claims, self._checkpoints, own.lost)
        # Every line that is logged on the way has these: the replica's log, which Ray's dashboard shows, is searched by them.
        with structlog.contextvars.bound_contextvars(run_id=str(row.id), trace_id=trace_of(row.traceparent)):
            log.info("a run goes on", graph=row.graph, attempt=row.attempt)
            task = asyncio.create_task(self._drive(drive), name=f"drive of run {row.id}")
        self._drives[row.id] = (drive, task)

    async def _drive(self, drive: Drive) -> None:
        began = time.monotonic()
        try:
            await drive.run()
            log.info("an attempt at a run is over", attempt=drive.attempt, seconds=round(time.monotonic() - began, 3))
        except Exception:
            log.exception("the end of a run could not be written; it will be taken over", run=str(drive.id))
        finally:
            self._drives.pop(drive.id, None)
            self._woken.set()

    async def _leave_all(self, why: Leave) -> None:
        tasks = []
        for drive, task in list(self._drives.values()):
            drive.leave(why)
            tasks.append(task)
        while pending := [task for task in tasks if not task.done()]:
            # Cancelled once more while it waits: what is under way is given back all the same.
            with suppress(asyncio.CancelledError):
                await asyncio.wait(pending)
