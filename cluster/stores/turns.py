"""Whose turn it is in a queue that several organisations share."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import and_, func, or_, select, true

from cluster.stores.guarded import Guard, TurnedTable
from cluster.stores.sql import AsyncSession


async def next_ones(
    session: AsyncSession,
    table: type[TurnedTable],
    free: int,
    per_organisation: int,
    limited: Guard | None = None,
    ready: Guard | None = None,
) -> Sequence[uuid.UUID]:
    """At most ``free`` queued rows whose time has come, locked: by priority, then age, so that no organisation has more than
    ``per_organisation`` under way. ``limited``: the rows that this counts and holds for; None: all. ``ready``: what else must hold of a
    row before it is its turn.

    Rows are counted truly only where all who claim wait for each other: call it under an advisory lock."""
    if free <= 0:
        return []
    counted = true() if limited is None else limited
    queued = and_(table.state == "queued", table.not_before <= func.now(), true() if ready is None else ready)
    order = (table.priority.desc(), table.queued_at, table.id)
    running = select(table.organisation_id, func.count().label("rows")).where(table.state == "running", counted)
    busy = running.group_by(table.organisation_id).subquery()
    place = func.row_number().over(partition_by=(table.organisation_id, counted), order_by=order) + func.coalesce(busy.c.rows, 0)
    ranked = (
        select(table.id, place.label("place")).outerjoin(busy, busy.c.organisation_id == table.organisation_id).where(queued).subquery()
    )
    within = or_(ranked.c.place <= per_organisation, ~counted)
    chosen = select(table.id).join(ranked, ranked.c.id == table.id).where(queued, within).order_by(*order).limit(free)
    return (await session.scalars(chosen.with_for_update(of=table, skip_locked=True))).all()
