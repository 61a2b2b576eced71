"""Words that were taken back: in no dataset from now on, and what was made of them is marked, down to the adapter in service."""

from __future__ import annotations

import uuid
from collections.abc import Sequence

from sqlalchemy import Exists, delete, exists, select

from cluster.learning.adapters.registry import Adapters
from cluster.learning.datasets import mark_erased, mark_person_erased
from cluster.learning.datasets.tables import DatasetErasure, DatasetVersionRow
from cluster.learning.example import Source
from cluster.learning.feedback.table import ErasedExample
from cluster.learning.gate.erasing import forget_answers
from cluster.stores.sql import AsyncSession

REASON = "It was trained on words that somebody has taken back since; train it again from a new version of its dataset."
AT_ONCE = 1000


async def take_back(session: AsyncSession) -> int:
    """Hands on what people took back of their feedback since it was last called, of every organisation: how many examples. What somebody
    gives anew after all may be in datasets again. Copies in answers that the gate kept go, whenever they were written."""
    await session.execute(delete(DatasetErasure).where(DatasetErasure.kind == "feedback", ~_is_erased()))
    gone: dict[uuid.UUID, list[Source]] = {}
    for row in await session.scalars(select(ErasedExample).where(~_is_noted()).limit(AT_ONCE)):
        gone.setdefault(row.organisation_id, []).append(Source(kind="feedback", id=row.source_id))
    for organisation_id in sorted(gone):
        await _mark_adapters(session, organisation_id, await mark_erased(session, organisation_id, gone[organisation_id]))
    await forget_answers(session)
    return sum(map(len, gone.values()))


async def take_back_of(session: AsyncSession, organisation_id: uuid.UUID, user_id: uuid.UUID) -> None:
    """The same for all words of a person, in whatever way they came."""
    await _mark_adapters(session, organisation_id, await mark_person_erased(session, organisation_id, user_id))


async def _mark_adapters(session: AsyncSession, organisation_id: uuid.UUID, versions: Sequence[uuid.UUID]) -> None:
    if versions:
        digests = list(await session.scalars(select(DatasetVersionRow.sha256).where(DatasetVersionRow.id.in_(versions))))
        await Adapters(session).mark(organisation_id, digests, REASON)


def _is_noted() -> Exists:
    return exists().where(
        DatasetErasure.organisation_id == ErasedExample.organisation_id,
        DatasetErasure.kind == ErasedExample.source_kind,
        DatasetErasure.source_id == ErasedExample.source_id,
    )


def _is_erased() -> Exists:
    return exists().where(
        ErasedExample.organisation_id == DatasetErasure.organisation_id,
        ErasedExample.source_kind == DatasetErasure.kind,
        ErasedExample.source_id == DatasetErasure.source_id,
    )
