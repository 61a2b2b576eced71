"""The rows of releases. Every read names the organisation; rows are written by statements, as those of adapters are."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from cluster.errors import Conflict, NotFound
from cluster.learning.adapters.names import split_version
from cluster.learning.releases.table import JUDGED, SERVABLE, Release, ReleaseState, ReleaseTrial, Trial
from cluster.stores.sql import AsyncSession

FRESH = {"populate_existing": True}


@dataclass(frozen=True, slots=True)
class Wanted:
    """None: any. ``before``: the last one of the page before."""

    base: str | None = None
    name: str | None = None
    state: ReleaseState | None = None
    before: tuple[datetime, uuid.UUID] | None = None


class Releases:
    """In the transaction of ``session``, which belongs to the caller."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def add(self, **values: Any) -> Release:
        """A draft."""
        written = insert(Release).values(id=uuid.uuid4(), state=ReleaseState.DRAFT, **values).returning(Release)
        return (await self._session.scalars(written)).one()

    async def get(self, organisation_id: uuid.UUID, release_id: uuid.UUID) -> Release:
        """Raises NotFound, also for one of another organisation."""
        row = await self.find(organisation_id, release_id)
        if row is None:
            raise NotFound("There is no such release in your organisation; GET /api/v1/releases lists them.")
        return row

    async def find(self, organisation_id: uuid.UUID, release_id: uuid.UUID) -> Release | None:
        return await self._session.scalar(select(Release).where(Release.id == release_id, Release.organisation_id == organisation_id))

    async def named(self, organisation_id: uuid.UUID, base: str, named: str) -> Release | None:
        """``<name>@<version>``; without a version the one in service, else the newest that may be asked, as requests find it."""
        name, version = split_version(named)
        chosen = select(Release).where(Release.organisation_id == organisation_id, Release.base == base, Release.name == name)
        if version is not None:
            chosen = chosen.where(Release.version == version)
        chosen = chosen.where(Release.state.in_(SERVABLE))
        return await self._session.scalar(
            chosen.order_by((Release.state == ReleaseState.IN_SERVICE).desc(), Release.version.desc()).limit(1)
        )

    async def exactly(self, organisation_id: uuid.UUID, base: str, name: str, version: int) -> Release | None:
        """Also one that may not be asked any more."""
        this = (Release.organisation_id == organisation_id, Release.base == base, Release.name == name, Release.version == version)
        return await self._session.scalar(select(Release).where(*this))

    async def page(self, organisation_id: uuid.UUID, wanted: Wanted, most: int) -> Sequence[Release]:
        """The newest first."""
        query = select(Release).where(Release.organisation_id == organisation_id)
        for column, value in ((Release.base, wanted.base), (Release.name, wanted.name), (Release.state, wanted.state)):
            query = query.where(column == value) if value is not None else query
        if wanted.before is not None:
            at, last = wanted.before
            query = query.where((Release.created_at < at) | ((Release.created_at == at) & (Release.id < last)))
        return (await self._session.scalars(query.order_by(Release.created_at.desc(), Release.id.desc()).limit(most))).all()

    async def servable(self, base: str) -> Sequence[Release]:
        """Of all organisations, for the manifest; of one name the newest version first."""
        query = select(Release).where(Release.base == base, Release.state.in_(SERVABLE))
        return (await self._session.scalars(query.order_by(Release.organisation_id, Release.name, Release.version.desc()))).all()

    async def bases(self) -> Sequence[str]:
        return (await self._session.scalars(select(Release.base).distinct())).all()

    async def next_version(self, organisation_id: uuid.UUID, base: str, name: str) -> int:
        query = select(func.max(Release.version)).where(
            Release.organisation_id == organisation_id, Release.base == base, Release.name == name
        )
        return (await self._session.scalar(query) or 0) + 1

    async def need_room(self, organisation_id: uuid.UUID, most: int) -> None:
        held = await self._session.scalar(select(func.count()).select_from(Release).where(Release.organisation_id == organisation_id))
        if (held or 0) >= most:
            raise Conflict(f"The organisation keeps {most} releases (setting releases.per_organisation); delete drafts and retired ones.")

    async def changed(self, row: Release, **values: Any) -> Release:
        written = update(Release).where(Release.id == row.id).values(updated_at=func.now(), **values).returning(Release)
        return (await self._session.scalars(written, execution_options=FRESH)).one()

    async def judged(self, organisation_id: uuid.UUID, base: str, named: str, state: ReleaseState) -> str | None:
        """What the gate, or a person after it, found of ``<name>@<version>``; its base. None where it is none, or is in service or retired:
        that is ended by people."""
        name, version = split_version(named)
        this = (Release.organisation_id == organisation_id, Release.base == base, Release.name == name, Release.version == version)
        written = update(Release).where(*this, Release.state.in_(JUDGED)).values(state=state, updated_at=func.now())
        return await self._session.scalar(written.returning(Release.base))

    async def remove(self, row: Release) -> None:
        await self._session.execute(delete(Release).where(Release.id == row.id))

    async def with_adapter(self, adapter_id: uuid.UUID, *, alive: bool) -> Release | None:
        """One that has this adapter; ``alive``: and is not retired."""
        query = select(Release).where(Release.adapter_id == adapter_id)
        query = query.where(Release.state != ReleaseState.RETIRED) if alive else query
        return await self._session.scalar(query.order_by(Release.created_at).limit(1))

    async def begin(self, row: Release, kind: Trial, percent: float) -> None:
        """A trial of ``row`` from now on, in place of the one there was."""
        await self.end(row.id, kind)
        told = {"organisation_id": row.organisation_id, "release_id": row.id, "kind": kind, "percent": percent}
        await self._session.execute(insert(ReleaseTrial).values(id=uuid.uuid4(), created_at=func.clock_timestamp(), **told))

    async def end(self, release_id: uuid.UUID, *kinds: Trial) -> None:
        running = (ReleaseTrial.release_id == release_id, ReleaseTrial.ended_at.is_(None), ReleaseTrial.kind.in_(kinds))
        await self._session.execute(update(ReleaseTrial).where(*running).values(ended_at=func.clock_timestamp()))

    async def trial(self, row: Release, *kinds: Trial) -> ReleaseTrial | None:
        """The latest of these kinds."""
        query = select(ReleaseTrial).where(ReleaseTrial.release_id == row.id, ReleaseTrial.kind.in_(kinds))
        return await self._session.scalar(query.order_by(ReleaseTrial.created_at.desc()).limit(1))
