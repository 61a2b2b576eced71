"""Words that were taken back: in no dataset from now on, and what was made of them is marked, down to the adapter in service."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Exists, delete, exists, select

from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.service import InService
from cluster.learning.adapters.table import Adapter
from cluster.learning.datasets import mark_erased, mark_person_erased
from cluster.learning.datasets.erasing import take_turns
from cluster.learning.datasets.tables import DatasetErasure, DatasetVersionRow
from cluster.learning.example import Source
from cluster.learning.feedback.table import ErasedExample
from cluster.learning.gate.erasing import forget_answers
from cluster.settings import AdapterSettings
from cluster.stores.sql import AsyncSession
from cluster.webhooks.events import tell

REASON = "It was trained on words that somebody has taken back since; train it again from a new version of its dataset."
MARKED = "adapter.marked"
AT_ONCE = 1000


@dataclass(frozen=True, slots=True)
class Marked:
    """An adapter that was marked now. ``in_use``: requests for its base went to it; ``retired``: nobody asks it any more."""

    adapter: Adapter
    in_use: bool
    retired: bool


@dataclass(frozen=True, slots=True)
class TakenBack:
    """How many examples, and what was made of them. Call ``publish`` after the commit where something was retired."""

    examples: int
    marked: tuple[Marked, ...]


async def take_back(session: AsyncSession, settings: AdapterSettings) -> TakenBack:
    """Hands on what people took back of their feedback since it was last called, of every organisation. What somebody gives anew after all
    may be in datasets again. Webhooks are told of each adapter. Copies in answers that the gate kept go, whenever they were written."""
    await session.execute(delete(DatasetErasure).where(DatasetErasure.kind == "feedback", ~_is_erased()))
    gone: dict[uuid.UUID, list[Source]] = {}
    for row in await session.scalars(select(ErasedExample).where(~_is_noted()).limit(AT_ONCE)):
        gone.setdefault(row.organisation_id, []).append(Source(kind="feedback", id=row.source_id))
    marked: list[Marked] = []
    for organisation_id in sorted(gone):
        versions = await mark_erased(session, organisation_id, gone[organisation_id])
        marked += await _mark_adapters(session, organisation_id, versions, settings)
    await forget_answers(session)
    return TakenBack(sum(map(len, gone.values())), tuple(marked))


async def take_back_of(session: AsyncSession, organisation_id: uuid.UUID, user_id: uuid.UUID, settings: AdapterSettings) -> list[Marked]:
    """The same for all words of a person, in whatever way they came."""
    versions = await mark_person_erased(session, organisation_id, user_id)
    return await _mark_adapters(session, organisation_id, versions, settings)


async def mark_if_taken_back(session: AsyncSession, organisation_id: uuid.UUID, dataset_sha256: str) -> None:
    """For an adapter that was just registered: words of its data may have been taken back while it was trained."""
    await take_turns(session, organisation_id)
    of = (DatasetVersionRow.organisation_id == organisation_id, DatasetVersionRow.sha256 == dataset_sha256)
    if await session.scalar(select(exists().where(*of, DatasetVersionRow.erased_at.is_not(None)))):
        await Adapters(session).mark(organisation_id, [dataset_sha256], REASON)


async def _mark_adapters(
    session: AsyncSession, organisation_id: uuid.UUID, versions: Sequence[uuid.UUID], settings: AdapterSettings
) -> list[Marked]:
    if not versions:
        return []
    digests = list(await session.scalars(select(DatasetVersionRow.sha256).where(DatasetVersionRow.id.in_(versions))))
    service = InService(session, settings.history)
    # Whoever promotes locks before it writes, too. All are marked first, so that none of them comes back in place of another.
    await service.adapters.lock(organisation_id)
    rows = await service.adapters.mark(organisation_id, digests, REASON)
    return [await _dealt_with(session, service, row, retire=settings.taken_back == "retire") for row in rows]


async def _dealt_with(session: AsyncSession, service: InService, row: Adapter, *, retire: bool) -> Marked:
    marked = Marked(row, await service.adapters.in_use(row), retire)
    if retire:
        await service.withdraw(row.organisation_id, row.id)
    told = {"adapter_id": str(row.id), "base": row.base, "name": row.name, "version": row.version}
    await tell(session, row.organisation_id, MARKED, {**told, "in_use": marked.in_use, "retired": retire})
    return marked


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
