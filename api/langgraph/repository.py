"""The SQL of threads: every read names the organisation."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, and_, case, cast, delete, exists, func, or_, select
from sqlalchemy.dialects.postgresql import JSONB, insert

from api.langgraph.tables import ClientThread, ThreadRun
from cluster.graphs.following_on import under_way
from cluster.graphs.states import RunState
from cluster.graphs.table import GraphRun
from cluster.stores.sql import AsyncSession

# A run with its place in a thread.
Placed = tuple[GraphRun, ThreadRun]
# First half of an advisory lock of two numbers, the other one is the organisation: its threads are counted by one at a time.
COUNTING = 48_885
HALTED = (RunState.WAITING.value, RunState.PAUSED.value)


@dataclass(frozen=True, slots=True)
class WantedThreads:
    """None: any. ``labels``: those that they have, among others. ``values`` are of the latest run's output and input."""

    labels: Mapping[str, Any] = field(default_factory=dict)
    values: Mapping[str, Any] = field(default_factory=dict)
    ids: Sequence[uuid.UUID] | None = None
    status: str | None = None


class Threads:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession, organisation_id: uuid.UUID) -> None:
        self._session = session
        self._organisation_id = organisation_id

    async def add(self, thread_id: uuid.UUID, owner_id: uuid.UUID, labels: Mapping[str, Any]) -> ClientThread | None:
        """None where there is one of that id, of whatever organisation."""
        new = {"id": thread_id, "organisation_id": self._organisation_id, "owner_id": owner_id, "labels": dict(labels)}
        statement = insert(ClientThread).values(**new).on_conflict_do_nothing(index_elements=["id"]).returning(ClientThread)
        return (await self._session.scalars(statement)).one_or_none()

    async def get(self, thread_id: uuid.UUID, *, lock: bool = False) -> ClientThread | None:
        chosen = select(ClientThread).where(ClientThread.id == thread_id, ClientThread.organisation_id == self._organisation_id)
        chosen = chosen.with_for_update() if lock else chosen
        return (await self._session.scalars(chosen, execution_options={"populate_existing": True})).one_or_none()

    async def count_after_removing(self, days: int) -> int:
        """How many there are, without those that nothing was done in for ``days`` and that have no run any more, which are removed."""
        await self._session.execute(select(func.pg_advisory_xact_lock(COUNTING, func.hashtext(str(self._organisation_id)))))
        used = exists().where(ThreadRun.thread_id == ClientThread.id)
        old = ClientThread.updated_at < func.now() - timedelta(days=days)
        mine = ClientThread.organisation_id == self._organisation_id
        await self._session.execute(delete(ClientThread).where(mine, old, ~used))
        return await self._session.scalar(select(func.count()).select_from(ClientThread).where(mine)) or 0

    async def touch(self, thread: ClientThread, **values: Any) -> None:
        """Changes it, and notes when."""
        for name, value in values.items():
            setattr(thread, name, value)
        thread.updated_at = func.now()
        await self._session.flush()
        await self._session.refresh(thread)

    async def remove(self, thread: ClientThread) -> None:
        await self._session.delete(thread)
        await self._session.flush()

    async def place(self, run: ThreadRun) -> None:
        self._session.add(run)
        await self._session.flush()

    async def runs(self, thread_id: uuid.UUID, most: int, skip: int = 0, states: ColumnElement[bool] | None = None) -> Sequence[Placed]:
        """Those of a thread, the latest first."""
        chosen = select(GraphRun, ThreadRun).join(ThreadRun, ThreadRun.run_id == GraphRun.id)
        chosen = chosen.where(ThreadRun.thread_id == thread_id, GraphRun.organisation_id == self._organisation_id)
        chosen = chosen if states is None else chosen.where(states)
        chosen = chosen.order_by(ThreadRun.created_at.desc(), GraphRun.id.desc()).offset(skip).limit(most)
        return [(run, placed) for run, placed in await self._session.execute(chosen, execution_options={"populate_existing": True})]

    async def placed(self, run_id: uuid.UUID, thread_id: uuid.UUID | None = None) -> Placed | None:
        """``thread_id`` None: in whatever thread. A run without one is found under that of its checkpoints."""
        chosen = select(GraphRun, ThreadRun).join(ThreadRun, ThreadRun.run_id == GraphRun.id)
        mine = GraphRun.id == run_id, GraphRun.organisation_id == self._organisation_id
        if thread_id is not None:
            alone = and_(ThreadRun.thread_id.is_(None), GraphRun.thread == thread_id)
            chosen = chosen.where(or_(ThreadRun.thread_id == thread_id, alone))
        row = (await self._session.execute(chosen.where(*mine), execution_options={"populate_existing": True})).one_or_none()
        return (row[0], row[1]) if row is not None else None

    async def open_runs(self, statuses: Sequence[str], owner_id: uuid.UUID | None) -> Sequence[Placed]:
        """Of all threads. ``owner_id`` None: whoever's."""
        chosen = select(GraphRun, ThreadRun).join(ThreadRun, ThreadRun.run_id == GraphRun.id)
        chosen = chosen.where(GraphRun.organisation_id == self._organisation_id, or_(*(of_status(one) for one in statuses)))
        chosen = chosen if owner_id is None else chosen.where(GraphRun.owner_id == owner_id)
        return [(run, placed) for run, placed in await self._session.execute(chosen.order_by(ThreadRun.created_at))]

    async def search(self, wanted: WantedThreads, order: str, *, descending: bool, most: int, skip: int) -> Sequence[ClientThread]:
        column = {"thread_id": ClientThread.id, "created_at": ClientThread.created_at, "status": _status()}.get(
            order, ClientThread.updated_at
        )
        sorted_by = column.desc() if descending else column.asc()
        chosen = select(ClientThread).where(*self._wanted(wanted)).order_by(sorted_by, ClientThread.id).offset(skip).limit(most)
        return (await self._session.scalars(chosen)).all()

    async def count(self, wanted: WantedThreads) -> int:
        return await self._session.scalar(select(func.count()).select_from(ClientThread).where(*self._wanted(wanted))) or 0

    def _wanted(self, wanted: WantedThreads) -> list[ColumnElement[bool]]:
        found: list[ColumnElement[bool]] = [ClientThread.organisation_id == self._organisation_id]
        if wanted.labels:
            found.append(ClientThread.labels.contains(dict(wanted.labels)))
        if wanted.values:
            columns = (cast(GraphRun.output, JSONB()), cast(GraphRun.input, JSONB()))
            found.append(_latest(or_(*(column.contains(dict(wanted.values)) for column in columns))))
        if wanted.ids is not None:
            found.append(ClientThread.id.in_(wanted.ids))
        if wanted.status is not None:
            found.append(_status() == wanted.status)
        return found


def of_status(status: str) -> ColumnElement[bool]:
    """Runs that LangGraph would say that of (see shapes.status_of)."""
    halted = and_(GraphRun.state.in_(HALTED), ~under_way())
    return {
        "pending": GraphRun.state == RunState.QUEUED.value,
        "running": and_(under_way(), GraphRun.state != RunState.QUEUED.value),
        "success": GraphRun.state == RunState.SUCCEEDED.value,
        "error": GraphRun.state == RunState.FAILED.value,
        "interrupted": or_(halted, GraphRun.state == RunState.CANCELLED.value),
    }.get(status, GraphRun.id.is_(None))


def _latest(what: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether it holds of the thread's latest run."""
    latest = select(ThreadRun.run_id).where(ThreadRun.thread_id == ClientThread.id).order_by(ThreadRun.created_at.desc()).limit(1)
    return exists().where(GraphRun.id == latest.correlate(ClientThread).scalar_subquery(), what)


def _status() -> Any:
    """As shapes.thread_status tells it."""
    busy = exists().where(ThreadRun.thread_id == ClientThread.id, GraphRun.id == ThreadRun.run_id, under_way())
    rest = (_latest(GraphRun.state.in_(HALTED)), "interrupted"), (_latest(GraphRun.state == RunState.FAILED.value), "error")
    return case((busy, "busy"), *rest, else_="idle")
