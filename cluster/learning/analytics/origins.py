"""Where the examples of versions of datasets come from."""

from __future__ import annotations

import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Text, and_, cast, func, select
from sqlalchemy.orm import aliased

from cluster.learning.datasets.tables import DatasetSource
from cluster.learning.labels.table import LabelAssignment, LabelItem
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class Origin:
    """``count`` examples of one version that have the same ``kind`` of source and were chosen by the same ``strategy`` (None: by nobody
    that is known). ``seconds``: what labelling them took."""

    kind: str
    strategy: str | None
    count: int
    seconds: float


async def origins_of(session: AsyncSession, organisation_id: uuid.UUID, versions: Collection[uuid.UUID]) -> dict[uuid.UUID, list[Origin]]:
    """By version. Of a label whose item is gone, nobody knows any more how it was chosen."""
    took = select(LabelAssignment.item_id, func.sum(LabelAssignment.seconds).label("seconds"))
    took = took.where(LabelAssignment.organisation_id == organisation_id, LabelAssignment.state == "submitted")
    spent = took.group_by(LabelAssignment.item_id).subquery()
    item = aliased(LabelItem)
    same = and_(item.organisation_id == organisation_id, DatasetSource.kind == "label", cast(item.id, Text) == DatasetSource.source_id)
    strategy = item.parts["strategy"].as_string().label("strategy")
    chosen = (
        select(DatasetSource.version_id, DatasetSource.kind, strategy, func.count(), func.coalesce(func.sum(spent.c.seconds), 0.0))
        .outerjoin(item, same)
        .outerjoin(spent, spent.c.item_id == item.id)
        .where(DatasetSource.organisation_id == organisation_id, DatasetSource.version_id.in_(versions))
        .group_by(DatasetSource.version_id, DatasetSource.kind, "strategy")
        .order_by(DatasetSource.kind)
    )
    found: dict[uuid.UUID, list[Origin]] = {}
    for version, kind, how, count, seconds in await session.execute(chosen):
        found.setdefault(version, []).append(Origin(kind, how, count, float(seconds)))
    return found
