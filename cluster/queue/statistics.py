"""How the queue is doing, by what its rows say."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import timedelta
from typing import Any

from sqlalchemy import Float, and_, case, cast, extract, func, or_, select

from cluster.queue.states import DEAD, DONE, QUEUED, RUNNING
from cluster.queue.tables import QueueMessage
from cluster.stores.sql import AsyncSession

HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class QueueCount:
    """``name``: of a queue, or of a type. ``queued``: could be taken now; ``delayed``: not yet. ``oldest_s``: how long the one that could
    be taken for longest has waited. ``wait_p50_s`` and ``wait_p95_s``: from when it could be taken to when it first was, of those that were
    in the last hour; None where none was."""

    name: str
    queued: int
    delayed: int
    running: int
    dead: int
    done_last_hour: int
    oldest_s: float
    wait_p50_s: float | None
    wait_p95_s: float | None


async def counts(session: AsyncSession, organisation_id: uuid.UUID | None = None) -> Sequence[QueueCount]:
    """By queue, of one organisation; without one, of all, by type. Queues without a message are left out."""
    name = QueueMessage.type if organisation_id is None else QueueMessage.queue
    recent = QueueMessage.finished_at > func.now() - HOUR
    there = or_(QueueMessage.state != DONE, recent)
    whose = [] if organisation_id is None else [QueueMessage.organisation_id == organisation_id]
    rows = await session.execute(select(name, *_columns()).where(there, *whose).group_by(name).order_by(name))
    names = [field.name for field in fields(QueueCount)]
    return [QueueCount(**dict(zip(names, row, strict=True))) for row in rows]


def _columns() -> list[Any]:
    """In the order of QueueCount, behind the name."""
    queued, ready = QueueMessage.state == QUEUED, QueueMessage.not_before <= func.now()
    begun = QueueMessage.started_at > func.now() - HOUR
    waited = case((begun, func.greatest(_seconds(QueueMessage.started_at - QueueMessage.due_at), 0.0)))
    age = func.max(func.greatest(_seconds(func.now() - QueueMessage.due_at), 0.0)).filter(queued, ready)
    return [
        func.count().filter(and_(queued, ready)),
        func.count().filter(and_(queued, ~ready)),
        func.count().filter(QueueMessage.state == RUNNING),
        func.count().filter(QueueMessage.state == DEAD),
        func.count().filter(QueueMessage.state == DONE),
        func.coalesce(age, 0.0),
        func.percentile_cont(0.5).within_group(waited),
        func.percentile_cont(0.95).within_group(waited),
    ]


def _seconds(interval: Any) -> Any:
    return cast(extract("epoch", interval), Float)
