"""What runs used, by the models that did the work."""

from __future__ import annotations

import uuid
from collections.abc import Mapping

from sqlalchemy import func, select

from cluster.contracts.generation import Usage
from cluster.graphs.table import GraphStep
from cluster.stores.sql import AsyncSession


async def used_by_model(session: AsyncSession, run_id: uuid.UUID) -> Mapping[str, Usage]:
    counts = func.sum(GraphStep.prompt_tokens), func.sum(GraphStep.completion_tokens)
    chosen = select(GraphStep.model, *counts).where(GraphStep.run_id == run_id, GraphStep.model.is_not(None)).group_by(GraphStep.model)
    rows = await session.execute(chosen.order_by(GraphStep.model))
    return {str(row[0]): Usage(int(row[1]), int(row[2])) for row in rows if row[1] or row[2]}
