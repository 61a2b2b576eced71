"""Which examples may be in nothing any more."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import datetime

from sqlalchemy import select

from cluster.learning.feedback.table import ErasedExample
from cluster.stores.sql import AsyncSession

AT_ONCE = 1000


async def erased(session: AsyncSession, organisation_id: uuid.UUID, *, since: datetime | None = None) -> AsyncIterator[ErasedExample]:
    """The earliest first; ``since``: those from then on. By kind and id they are the ``source`` of an Example."""
    chosen = select(ErasedExample).where(ErasedExample.organisation_id == organisation_id)
    if since is not None:
        chosen = chosen.where(ErasedExample.erased_at >= since)
    chosen = chosen.order_by(ErasedExample.erased_at, ErasedExample.source_kind, ErasedExample.source_id)
    async for row in await session.stream_scalars(chosen, execution_options={"yield_per": AT_ONCE}):
        yield row
