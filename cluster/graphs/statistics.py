"""What the nodes of a graph took, and cost, in the runs of a while."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Float, and_, case, extract, func, select

from cluster.graphs.table import GraphRun, GraphStep
from cluster.stores.sql import AsyncSession

# More nodes than this are a graph's that was changed very often; those with the most visits are told.
MOST_NODES = 1000
SUMS = ("prompt_tokens", "completion_tokens", "micros")
# Keys of whole visits, and of items of a map; anything else is part of one of these.
_VISIT, _ITEM = r"#[0-9]+$", r"\[[0-9]+\]$"


@dataclass(frozen=True, slots=True)
class Period:
    """Runs asked for from ``since`` to before ``until``."""

    since: datetime
    until: datetime


@dataclass(frozen=True, slots=True)
class RunFigures:
    """``states``: how many runs there are by state. Seconds: of work of those that have ended."""

    states: Mapping[str, int]
    p50: float | None
    p95: float | None
    prompt_tokens: int
    completion_tokens: int
    micros: int


@dataclass(frozen=True, slots=True)
class NodeFigures:
    """``node``: its path; within a map `[]` stands for the item. ``items`` of a map; ``calls`` of tools by a model. Seconds: from when a
    visit was first come to until it ended, waiting included. ``retries``: attempts beyond the first. Tokens and ``micros``: items and
    calls included."""

    node: str
    kind: str | None
    visits: int
    succeeded: int
    failed: int
    skipped: int
    items: int
    calls: int
    retries: int
    p50: float | None
    p95: float | None
    most: float | None
    prompt_tokens: int
    completion_tokens: int
    micros: int
    models: Sequence[str]


async def run_figures(session: AsyncSession, organisation_id: uuid.UUID, graph: str, period: Period) -> RunFigures:
    chosen = select(GraphRun.state, func.count()).where(*_of(organisation_id, graph, period)).group_by(GraphRun.state)
    states = {row[0]: row[1] for row in await session.execute(chosen)}
    ended = GraphRun.finished_at.is_not(None)
    sums = [func.coalesce(func.sum(getattr(GraphRun, name)), 0) for name in SUMS]
    times = [_at(share, GraphRun.seconds, ended) for share in (0.5, 0.95)]
    row = (await session.execute(select(*times, *sums).where(*_of(organisation_id, graph, period)))).one()
    return RunFigures(states, row[0], row[1], *(int(value) for value in row[2:]))


async def node_figures(session: AsyncSession, organisation_id: uuid.UUID, graph: str, period: Period) -> Sequence[NodeFigures]:
    """In the order of their visits, most first."""
    step = _steps(organisation_id, graph, period)
    ended = and_(step.whole, step.state.in_(("succeeded", "failed", "skipped")))
    visits = _count(step.whole)
    columns: list[Any] = [
        step.path,
        func.min(step.kind).filter(step.whole),
        visits,
        *(_count(and_(step.whole, step.state == state)) for state in ("succeeded", "failed", "skipped")),
        _count(step.item),
        _count(and_(step.kind == "tool", ~step.whole, ~step.item)),
        func.coalesce(func.sum(case((step.attempts > 1, step.attempts - 1), else_=0)), 0),
        *(_at(share, step.took, ended) for share in (0.5, 0.95)),
        func.max(step.took).filter(ended),
        *(func.coalesce(func.sum(step[name]), 0) for name in SUMS),
        func.array_remove(func.array_agg(step.model.distinct()), None),
    ]
    rows = await session.execute(select(*columns).group_by(step.path).order_by(visits.desc(), step.path).limit(MOST_NODES))
    return [_read(row) for row in rows]


def _steps(organisation_id: uuid.UUID, graph: str, period: Period) -> Any:
    """Columns of a query of steps. ``path``: the node's, without the numbers of items; ``whole`` and ``item``: what the step is."""
    columns: list[Any] = [
        func.regexp_replace(GraphStep.node, r"\[[0-9]+\]", "[]", "g").label("path"),
        GraphStep.key.regexp_match(_VISIT).label("whole"),
        GraphStep.key.regexp_match(_ITEM).label("item"),
        extract("epoch", GraphStep.finished_at - GraphStep.started_at).cast(Float).label("took"),
        *(getattr(GraphStep, name) for name in ("kind", "state", "attempts", "model", *SUMS)),
    ]
    chosen = select(*columns).join(GraphRun, GraphRun.id == GraphStep.run_id).where(*_of(organisation_id, graph, period))
    return chosen.subquery().c


def _of(organisation_id: uuid.UUID, graph: str, period: Period) -> tuple[Any, ...]:
    within = GraphRun.created_at >= period.since, GraphRun.created_at < period.until
    return GraphRun.organisation_id == organisation_id, GraphRun.graph == graph, *within


def _count(which: Any) -> Any:
    return func.count().filter(which)


def _at(share: float, column: Any, which: Any) -> Any:
    return func.percentile_cont(share).within_group(column).filter(which)


def _read(row: Any) -> NodeFigures:
    node, kind, *counts = row[:9]
    visits, succeeded, failed, skipped, items, calls, retries = map(int, counts)
    prompts, answers, micros = map(int, row[12:15])
    return NodeFigures(
        node=node,
        kind=kind,
        visits=visits,
        succeeded=succeeded,
        failed=failed,
        skipped=skipped,
        items=items,
        calls=calls,
        retries=retries,
        p50=row[9],
        p95=row[10],
        most=row[11],
        prompt_tokens=prompts,
        completion_tokens=answers,
        micros=micros,
        models=tuple(row[15] or ()),
    )
