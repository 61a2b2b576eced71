"""Runs that come after others: which of them may begin, and whether one is in the way of the next."""

from __future__ import annotations

from typing import Any

from sqlalchemy import and_, exists, null, or_
from sqlalchemy.orm import aliased

from cluster.graphs.states import RunState
from cluster.graphs.table import GraphRun
from cluster.stores.guarded import Guard

_BUSY = (RunState.QUEUED.value, RunState.RUNNING.value)


def under_way(run: Any = GraphRun) -> Guard:
    """Whether a run goes on by itself: it is worked on, has its turn to come, or waits for a time. One that waits for people, or that
    somebody paused, may do so for days and is in nobody's way. ``run``: the table, or another name of it."""
    for_time = and_(run.state == RunState.WAITING.value, run.pending.is_(null()))
    return or_(run.state.in_(_BUSY), for_time)


def may_begin() -> Guard:
    """Of a queued run: what it comes after is not under way any more, or is gone."""
    before = aliased(GraphRun)
    return ~exists().where(before.id == GraphRun.after_id, under_way(before))


def is_under_way(run: GraphRun) -> bool:
    """The same of a row."""
    return run.state in _BUSY or (run.state == RunState.WAITING and not run.pending)
