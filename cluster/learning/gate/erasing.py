"""Answers that the gate keeps hold copies of the items it asked; those whose words were taken back go."""

from __future__ import annotations

from sqlalchemy import delete, exists

from cluster.learning.datasets.tables import DatasetErasure
from cluster.learning.gate.table import GateAnswer, GateVerdict
from cluster.stores.sql import AsyncSession


async def forget_answers(session: AsyncSession) -> int:
    """Removes the answers to all items that may be in no dataset any more, of every organisation; how many there were. Verdicts stay as
    they were found: their figures hold nobody's words."""
    erased = exists().where(
        GateVerdict.id == GateAnswer.verdict_id,
        DatasetErasure.organisation_id == GateVerdict.organisation_id,
        DatasetErasure.kind == GateAnswer.source_kind,
        DatasetErasure.source_id == GateAnswer.source_id,
    )
    removed = delete(GateAnswer).where(GateAnswer.source_id.is_not(None), erased).returning(GateAnswer.number)
    return len((await session.scalars(removed, execution_options={"synchronize_session": False})).all())
