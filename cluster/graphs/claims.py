"""Runs as the processes that carry them on know them. Everything is guarded by the attempt: once the row has moved on, nothing is written.

Times are the database's: the clocks of several machines do not agree."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Interval, cast, func, null, select

from cluster.contracts.generation import JsonObject
from cluster.graphs.changes import RUNS, Told, mine, nobody
from cluster.graphs.following_on import may_begin
from cluster.graphs.owning import alone
from cluster.graphs.pending import NOTHING, Pending, Spent
from cluster.graphs.states import RunState
from cluster.graphs.storable import shortened, storable
from cluster.graphs.table import GraphRun
from cluster.settings import GraphSettings
from cluster.stores.locks import CLAIMING_RUNS
from cluster.stores.sql import AsyncSession, Database
from cluster.stores.turns import next_ones

# Runs that one look wakes or takes over; the next look has the others.
BATCH = 100
LONGEST_BACKOFF_S = 60.0
LONGEST_PAUSE = "10s"
ERROR_CHARS = 4000


@dataclass(frozen=True, slots=True)
class Wish:
    """What people asked of a run that is under way."""

    cancel: bool
    pause: bool


class Claims:
    """Each method is one transaction. Those that name an ``attempt`` return None, and write nothing, when the run is not, or no longer,
    that attempt's. ``told``: see changes.py."""

    def __init__(self, database: Database, settings: GraphSettings, told: Told = nobody) -> None:
        self._database = database
        self._settings = settings
        self._told = told

    @asynccontextmanager
    async def _transaction(self, run_id: uuid.UUID | None = None) -> AsyncIterator[AsyncSession]:
        """One that PostgreSQL ends when its process is paused in the middle: it holds locks that others need. ``run_id``: the run of
        which something is told in it."""
        async with self._database.session() as session:
            await session.execute(select(func.set_config("idle_in_transaction_session_timeout", LONGEST_PAUSE, True)))
            yield session
        if run_id is not None:
            self._told(run_id)

    async def claim(self, worker: int, free: int) -> Sequence[GraphRun]:
        """At most ``free`` queued runs whose turn it is, now running under the lock ``worker``, which is held: by priority, then age, as
        far as ``graphs.concurrent_per_organisation`` goes. Runs within runs are not counted there: those they belong to wait for them.
        Several callers at once claim different runs."""
        async with self._transaction() as session:
            if free <= 0 or not await session.scalar(select(func.pg_try_advisory_xact_lock(CLAIMING_RUNS))):
                return []
            most = self._settings.concurrent_per_organisation
            chosen = await next_ones(session, GraphRun, free, most, GraphRun.depth == 0, may_begin())
            claimed = [run for run_id in chosen if (run := await self._take(session, run_id, worker)) is not None]
        for run in claimed:
            self._told(run.id)
        return claimed

    async def _take(self, session: AsyncSession, run_id: uuid.UUID, worker: int) -> GraphRun | None:
        begun = func.coalesce(GraphRun.started_at, func.now())
        queued = GraphRun.state == RunState.QUEUED.value
        values = {"attempt": GraphRun.attempt + 1, "worker": worker, "started_at": begun, "wake_at": None}
        return await RUNS.move(session, run_id, RunState.RUNNING, queued, **values)

    async def wake_due(self) -> Sequence[uuid.UUID]:
        """Waiting runs whose time has come, now queued."""
        async with self._transaction() as session:
            due = select(GraphRun.id).where(GraphRun.state == RunState.WAITING.value, GraphRun.wake_at <= func.now())
            chosen = (await session.scalars(due.order_by(GraphRun.wake_at).limit(BATCH).with_for_update(skip_locked=True))).all()
            for run_id in chosen:
                await RUNS.move(session, run_id, RunState.QUEUED, reason="its time has come", wake_at=None)
            return chosen

    async def take_over(self) -> Sequence[uuid.UUID]:
        """Running runs whose process is gone, now queued again (the first time at once, then later and later), cancelled or paused where
        that was asked for, or failed when they have lost ``graphs.max_attempts`` processes without a step done in between."""
        async with self._transaction() as session:
            lone = select(GraphRun).where(GraphRun.state == RunState.RUNNING.value, alone())
            runs = (await session.scalars(lone.limit(BATCH).with_for_update(skip_locked=True, of=GraphRun))).all()
            for run in runs:
                await self._recover(session, run)
            return [run.id for run in runs]

    async def _recover(self, session: AsyncSession, run: GraphRun) -> None:
        lost = "The process that ran it is gone."
        tries = run.tries + 1
        if tries >= self._settings.max_attempts and run.cancel_requested_at is None:
            error = f"{lost} It was tried {tries} times without a step done in between (setting graphs.max_attempts)."
            await RUNS.move(session, run.id, RunState.FAILED, *mine(run.attempt), error=error, worker=None, tries=tries)
            return
        wait = min(2.0 ** (tries - 1), LONGEST_BACKOFF_S) if tries > 1 else 0.0
        later = func.now() + cast(timedelta(seconds=wait), Interval)
        await _release(session, run, RunState.QUEUED, tries=tries, not_before=later, reason=lost)

    async def look(self, run_id: uuid.UUID, attempt: int) -> Wish | None:
        """Whether people asked this run to stop."""
        chosen = select(GraphRun.cancel_requested_at, GraphRun.pause_requested_at).where(GraphRun.id == run_id, *mine(attempt))
        async with self._transaction() as session:
            row = (await session.execute(chosen)).one_or_none()
        return Wish(row[0] is not None, row[1] is not None) if row is not None else None

    async def look_at_all(self, worker: int) -> Mapping[uuid.UUID, tuple[int, Wish]]:
        """Every run that ``worker`` has, with its attempt and what people asked of it; one that is missing is not its any more."""
        chosen = select(GraphRun.id, GraphRun.attempt, GraphRun.cancel_requested_at, GraphRun.pause_requested_at)
        async with self._transaction() as session:
            rows = await session.execute(chosen.where(GraphRun.state == RunState.RUNNING.value, GraphRun.worker == worker))
            return {row[0]: (row[1], Wish(row[2] is not None, row[3] is not None)) for row in rows}

    async def spend(self, run_id: uuid.UUID, attempt: int, spent: Spent = NOTHING, *, seconds: float = 0.0) -> GraphRun | None:
        """Adds what was spent outside of steps, and seconds of work."""
        values = spent.on_top(GraphRun) | {"seconds": GraphRun.seconds + seconds}
        async with self._transaction() as session:
            return await RUNS.change(session, run_id, *mine(attempt), **values)

    async def passed(self, run_id: uuid.UUID, attempt: int) -> GraphRun | None:
        """The attempt has written a checkpoint behind ``from_checkpoint``: the next one begins at the latest."""
        async with self._transaction() as session:
            return await RUNS.change(session, run_id, *mine(attempt), from_checkpoint=None)

    async def wait(
        self, run_id: uuid.UUID, attempt: int, pending: Sequence[Pending], wake_at: datetime | None, *, seconds: float = 0.0
    ) -> GraphRun | None:
        """Nothing can be done until a person answers one of ``pending``, or until ``wake_at``. The run is waiting then; or queued, where
        one of these was answered meanwhile; or cancelled or paused, where that was asked for. Tells of every question that is new.
        ``seconds``: of work, since the last were noted."""
        async with self._transaction(run_id) as session:
            run = await _locked(session, run_id, attempt)
            if run is None:
                return None
            said, known = run.answers or {}, {one["node"] for one in run.pending or ()}
            left = [self._asked(one) for one in pending if one.kind != "time" and one.node not in said]
            answered = any(one.node in said for one in pending)
            for one in left:
                run = run if one["node"] in known else await _told(session, run, "ask", one)
            target, reason = (RunState.QUEUED, "it was answered") if answered else (RunState.WAITING, None)
            values: dict[str, Any] = {"pending": left or null(), "wake_at": wake_at, "tries": 0, "seconds": GraphRun.seconds + seconds}
            return await _release(session, run, target, reason=reason, **values)

    async def pause(self, run_id: uuid.UUID, attempt: int) -> GraphRun | None:
        """Between two steps, because a person asked for it; cancelled where that was asked for as well."""
        async with self._transaction(run_id) as session:
            run = await _locked(session, run_id, attempt)
            return None if run is None else await _release(session, run, RunState.PAUSED)

    async def end(
        self,
        run_id: uuid.UUID,
        attempt: int,
        state: RunState,
        *,
        output: JsonObject | None = None,
        error: str | None = None,
        failed_node: str | None = None,
    ) -> GraphRun | None:
        """Written once. Raises TooLarge for an ``output`` over ``graphs.state_bytes``."""
        kept = null() if output is None else storable(output, int(self._settings.state_bytes), "The output of the run", "state_bytes")
        told = None if error is None else shortened(error, ERROR_CHARS)
        values: dict[str, Any] = {"output": kept, "error": told, "failed_node": failed_node, "worker": None}
        values |= {"pending": null(), "wake_at": None, "from_checkpoint": None, "pause_requested_at": None}
        async with self._transaction(run_id) as session:
            return await RUNS.move(session, run_id, state, *mine(attempt), **values)

    async def give_back(self, run_id: uuid.UUID, attempt: int) -> GraphRun | None:
        """Its process stops in order: queued for another one, at its old place, and no try is lost."""
        async with self._transaction(run_id) as session:
            run = await _locked(session, run_id, attempt)
            return None if run is None else await _release(session, run, RunState.QUEUED, reason="its process stops")

    async def event(self, run_id: uuid.UUID, attempt: int, kind: str, data: Mapping[str, Any]) -> GraphRun | None:
        """Tells whoever follows the run. Raises TooLarge over ``graphs.value_bytes``; cut long texts before."""
        kept = storable(dict(data), int(self._settings.value_bytes), "The event", "value_bytes")
        async with self._transaction(run_id) as session:
            run = await _locked(session, run_id, attempt)
            return None if run is None else await _told(session, run, kind, kept)

    def _asked(self, one: Pending) -> dict[str, Any]:
        asked: dict[str, Any] = storable(one.to_json(), int(self._settings.value_bytes), f"What '{one.node}' asks", "value_bytes")
        return asked


async def _locked(session: AsyncSession, run_id: uuid.UUID, attempt: int) -> GraphRun | None:
    return (await session.scalars(select(GraphRun).where(GraphRun.id == run_id, *mine(attempt)).with_for_update())).one_or_none()


async def _told(session: AsyncSession, run: GraphRun, kind: str, data: Mapping[str, Any]) -> GraphRun:
    """``run`` is locked."""
    changed = await RUNS.change(session, run.id, changes=GraphRun.changes + 1)
    assert changed is not None
    await RUNS.tell(session, run.id, changed.changes, kind, data)
    return changed


async def _release(session: AsyncSession, run: GraphRun, target: RunState, *, reason: str | None = None, **values: Any) -> GraphRun | None:
    """Into ``target``, or what people asked for instead. ``run`` is locked."""
    values |= {"worker": None}
    if run.cancel_requested_at is not None:
        values |= {"pending": null(), "wake_at": None}
        return await RUNS.move(session, run.id, RunState.CANCELLED, *mine(run.attempt), **values)
    if target is RunState.PAUSED or run.pause_requested_at is not None:
        return await RUNS.move(session, run.id, RunState.PAUSED, *mine(run.attempt), pause_requested_at=None, **values)
    return await RUNS.move(session, run.id, target, *mine(run.attempt), reason=reason, **values)
