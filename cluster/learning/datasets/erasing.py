"""Somebody's words are taken back: versions that hold them are marked and given to nobody any more, and none is built with them.

Erasing and publishing take turns under a lock of the organisation, so that a version whose building began before is marked as well.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterable, Sequence

from sqlalchemy import ColumnElement, func, or_, select, tuple_, update
from sqlalchemy.dialects.postgresql import insert

from cluster.learning.datasets.tables import DatasetErasure, DatasetSource, DatasetVersionRow
from cluster.learning.example import Source
from cluster.stores.sql import AsyncSession

# Any number, the same for every Hearth: the first half of PostgreSQL's advisory lock, whose second is the organisation.
ERASING = 48_881
PERSON = "user"
AT_ONCE = 1000
# Kind and id of an example, or PERSON and the id of a user.
Erased = Collection[tuple[str, str]]


async def mark_erased(session: AsyncSession, organisation_id: uuid.UUID, sources: Iterable[Source]) -> list[uuid.UUID]:
    """These examples are in no version that is built from now on. The ids of the versions that hold any of them, which are marked: what
    was trained on those is to be marked too. In the caller's transaction, which waits while a version is being published."""
    await take_turns(session, organisation_id)
    gone = [(source.kind, source.id) for source in sources]
    for start in range(0, len(gone), AT_ONCE):
        some = gone[start : start + AT_ONCE]
        await _note(session, organisation_id, some)
        await _mark(session, organisation_id, tuple_(DatasetSource.kind, DatasetSource.source_id).in_(some))
    return await _marked_now(session, organisation_id)


async def mark_person_erased(session: AsyncSession, organisation_id: uuid.UUID, user_id: uuid.UUID) -> list[uuid.UUID]:
    """The same for all examples that hold the words of a person."""
    await take_turns(session, organisation_id)
    await _note(session, organisation_id, [(PERSON, str(user_id))])
    await _mark(session, organisation_id, DatasetSource.user_id == str(user_id))
    return await _marked_now(session, organisation_id)


async def erased(session: AsyncSession, organisation_id: uuid.UUID) -> Erased:
    chosen = select(DatasetErasure.kind, DatasetErasure.source_id).where(DatasetErasure.organisation_id == organisation_id)
    return {(row[0], row[1]) for row in await session.execute(chosen)}


def is_erased(source: Source, gone: Erased) -> bool:
    return (source.kind, source.id) in gone or (source.user_id is not None and (PERSON, source.user_id) in gone)


async def mark_new(session: AsyncSession, version: DatasetVersionRow) -> None:
    """For a version that is just being published, after :func:`take_turns`: what was erased while it was built."""
    of = DatasetErasure.organisation_id == version.organisation_id
    one = select(DatasetErasure.kind, DatasetErasure.source_id).where(of)
    person = select(DatasetErasure.source_id).where(of, DatasetErasure.kind == PERSON)
    gone = or_(tuple_(DatasetSource.kind, DatasetSource.source_id).in_(one), DatasetSource.user_id.in_(person))
    await _mark(session, version.organisation_id, DatasetSource.version_id == version.id, gone)
    await _marked_now(session, version.organisation_id)


async def take_turns(session: AsyncSession, organisation_id: uuid.UUID) -> None:
    """Waits until nobody else erases or publishes, and holds them off until the transaction ends."""
    await session.execute(select(func.pg_advisory_xact_lock(ERASING, func.hashtext(str(organisation_id)))))


async def _note(session: AsyncSession, organisation_id: uuid.UUID, gone: Sequence[tuple[str, str]]) -> None:
    rows = [{"organisation_id": organisation_id, "kind": kind, "source_id": source_id} for kind, source_id in gone]
    await session.execute(insert(DatasetErasure).values(rows).on_conflict_do_nothing())


async def _mark(session: AsyncSession, organisation_id: uuid.UUID, *which: ColumnElement[bool]) -> None:
    fresh = (DatasetSource.organisation_id == organisation_id, DatasetSource.erased_at.is_(None))
    await session.execute(update(DatasetSource).where(*fresh, *which).values(erased_at=func.now()))


async def _marked_now(session: AsyncSession, organisation_id: uuid.UUID) -> list[uuid.UUID]:
    """Marks the versions whose examples were marked in this transaction, in which now() stands still."""
    here = (DatasetSource.version_id == DatasetVersionRow.id, DatasetSource.erased_at.is_not(None))
    count = select(func.count()).where(*here).scalar_subquery()
    now = select(DatasetSource.version_id).where(DatasetSource.organisation_id == organisation_id, DatasetSource.erased_at == func.now())
    values = {"contains_erased": count, "erased_at": func.coalesce(DatasetVersionRow.erased_at, func.now())}
    marked = update(DatasetVersionRow).where(DatasetVersionRow.id.in_(now)).values(**values).returning(DatasetVersionRow.id)
    return list(await session.scalars(marked, execution_options={"synchronize_session": False}))
