"""The registry of adapters: kept, judged, put into service, taken back. Every read names the organisation.

What is decided here is in force when :func:`publish` has written it down after the commit; the API looks now and then whether it has.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from cluster.errors import Conflict, NotFound, TooLarge
from cluster.home import Home
from cluster.learning.adapters.bases import find_base, need_fit
from cluster.learning.adapters.names import need_name
from cluster.learning.adapters.peft_folder import Lora, read_lora
from cluster.learning.adapters.storage import AdapterFolders
from cluster.learning.adapters.table import SERVABLE, Adapter, AdapterRoute, AdapterState
from cluster.learning.releases.table import Release
from cluster.settings import Settings
from cluster.stores.sql import AsyncSession

# First half of an advisory lock of two numbers, the other one is the organisation: versions and routes are counted by one at a time.
ADAPTERS_LOCK = 7_250_001
# Rows that are in the session already are read again.
FRESH = {"populate_existing": True}


async def register(
    session: AsyncSession,
    *,
    organisation_id: uuid.UUID,
    base: str,
    name: str,
    folder: Path,
    lineage: dict[str, Any],
    settings: Settings,
    owner_id: uuid.UUID | None = None,
) -> Adapter:
    """A candidate: the next version of ``name``. ``folder`` (as PEFT saves it) is checked against ``base`` and copied. ``lineage``: the
    digests of data and base, parameters, code and metrics, as JSON.

    Raises BadInput (the name), ModelNotFound, Conflict (too many; no weights of the base here), TooLarge, and Unprocessable for a folder
    that is no LoRA of ``base``. Call :func:`publish` after the commit.
    """
    need_name(name)
    lora = await asyncio.to_thread(_checked, folder, base, settings)
    adapters = Adapters(session)
    await adapters.lock(organisation_id)
    await adapters.need_room(organisation_id, settings.adapters.per_organisation)
    folders, most = AdapterFolders(Home(settings.home)), int(settings.adapters.bytes)
    sha256, size = await asyncio.to_thread(folders.keep, organisation_id, folder, most)
    return await adapters.add(
        organisation_id=organisation_id,
        owner_id=owner_id,
        base=base,
        name=name,
        version=await adapters.next_version(organisation_id, base, name),
        sha256=sha256,
        bytes=size,
        rank=lora.rank,
        targets=lora.targets,
        lineage=lineage,
        state=AdapterState.CANDIDATE,
    )


def _checked(folder: Path, base: str, settings: Settings) -> Lora:
    found = find_base(base, Home(settings.home))
    lora = read_lora(folder)
    if lora.rank > settings.adapters.rank:
        raise TooLarge(
            f"The adapter has rank {lora.rank}, at most {settings.adapters.rank} is taken (setting adapters.rank); train a lower."
        )
    need_fit(lora, found)
    return lora


class Adapters:
    """In the transaction of ``session``, which belongs to the caller. Rows are written by statements: a process of a job does not know the
    tables that they refer to."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def lock(self, organisation_id: uuid.UUID) -> None:
        """Until the end of the transaction nobody else changes what the organisation has."""
        number = int.from_bytes(organisation_id.bytes[:4], "big", signed=True)
        await self._session.execute(select(func.pg_advisory_xact_lock(ADAPTERS_LOCK, number)))

    async def add(self, **values: Any) -> Adapter:
        written = insert(Adapter).values(id=uuid.uuid4(), **values).returning(Adapter)
        return (await self._session.scalars(written)).one()

    async def get(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> Adapter:
        """Raises NotFound, also for one of another organisation."""
        query = select(Adapter).where(Adapter.id == adapter_id, Adapter.organisation_id == organisation_id)
        row = await self._session.scalar(query)
        if row is None:
            raise NotFound("There is no such adapter in your organisation; GET /api/v1/adapters lists them.")
        return row

    async def with_ids(self, organisation_id: uuid.UUID, adapter_ids: Sequence[uuid.UUID]) -> Sequence[Adapter]:
        """Those of them that the organisation has."""
        query = select(Adapter).where(Adapter.id.in_(adapter_ids), Adapter.organisation_id == organisation_id)
        return (await self._session.scalars(query)).all()

    async def page(
        self,
        organisation_id: uuid.UUID,
        *,
        base: str | None = None,
        name: str | None = None,
        state: AdapterState | None = None,
        before: tuple[datetime, uuid.UUID] | None = None,
        most: int = 50,
    ) -> Sequence[Adapter]:
        """The newest first."""
        query = select(Adapter).where(Adapter.organisation_id == organisation_id)
        for column, value in ((Adapter.base, base), (Adapter.name, name), (Adapter.state, state)):
            query = query.where(column == value) if value is not None else query
        if before is not None:
            at, last = before
            query = query.where((Adapter.created_at < at) | ((Adapter.created_at == at) & (Adapter.id < last)))
        return (await self._session.scalars(query.order_by(Adapter.created_at.desc(), Adapter.id.desc()).limit(most))).all()

    async def servable(self, base: str) -> Sequence[Adapter]:
        """Of all organisations, for the manifest."""
        query = select(Adapter).where(Adapter.base == base, Adapter.state.in_(SERVABLE))
        return (await self._session.scalars(query.order_by(Adapter.organisation_id, Adapter.name, Adapter.version.desc()))).all()

    async def routes(self, base: str) -> Sequence[AdapterRoute]:
        """Of all organisations."""
        query = select(AdapterRoute).where(AdapterRoute.base == base).order_by(AdapterRoute.organisation_id)
        return (await self._session.scalars(query)).all()

    async def routes_of(self, organisation_id: uuid.UUID) -> Sequence[AdapterRoute]:
        query = select(AdapterRoute).where(AdapterRoute.organisation_id == organisation_id).order_by(AdapterRoute.base)
        return (await self._session.scalars(query)).all()

    async def bases(self) -> Sequence[str]:
        """Those that somebody has an adapter of, or had one promoted."""
        query = select(Adapter.base).union(select(AdapterRoute.base))
        return (await self._session.scalars(query)).all()

    async def next_version(self, organisation_id: uuid.UUID, base: str, name: str) -> int:
        query = select(func.max(Adapter.version)).where(
            Adapter.organisation_id == organisation_id, Adapter.base == base, Adapter.name == name
        )
        return (await self._session.scalar(query) or 0) + 1

    async def need_room(self, organisation_id: uuid.UUID, most: int) -> None:
        held = await self._session.scalar(select(func.count()).select_from(Adapter).where(Adapter.organisation_id == organisation_id))
        if (held or 0) >= most:
            raise Conflict(f"The organisation keeps {most} adapters (setting adapters.per_organisation); delete some that are retired.")

    async def route(self, organisation_id: uuid.UUID, base: str) -> AdapterRoute | None:
        query = select(AdapterRoute).where(AdapterRoute.organisation_id == organisation_id, AdapterRoute.base == base)
        return await self._session.scalar(query)

    async def opened(self, organisation_id: uuid.UUID, base: str) -> AdapterRoute:
        """The route, made where there is none. Needs :meth:`lock`."""
        route = await self.route(organisation_id, base)
        if route is None:
            written = insert(AdapterRoute).values(id=uuid.uuid4(), organisation_id=organisation_id, base=base, percent=0.0, history=[])
            route = (await self._session.scalars(written.returning(AdapterRoute))).one()
        return route

    async def pointed(self, route: AdapterRoute, **values: Any) -> AdapterRoute:
        """``route`` with these values."""
        written = update(AdapterRoute).where(AdapterRoute.id == route.id).values(updated_at=func.now(), **values).returning(AdapterRoute)
        return (await self._session.scalars(written, execution_options=FRESH)).one()

    async def in_use(self, row: Adapter) -> bool:
        """Whether requests that do not name it go to it."""
        route = await self.route(row.organisation_id, row.base)
        if route is None or row.id in {route.default_id, route.canary_id}:
            return route is not None
        shadow = select(Release.id).where(Release.id == route.shadow_release_id, Release.adapter_id == row.id)
        return await self._session.scalar(shadow) is not None

    async def is_shared(self, row: Adapter) -> bool:
        """Whether another version has the same files."""
        query = select(Adapter.id).where(Adapter.organisation_id == row.organisation_id, Adapter.sha256 == row.sha256, Adapter.id != row.id)
        return await self._session.scalar(query.limit(1)) is not None

    async def known(self, organisation_id: uuid.UUID, sha256: str) -> bool:
        """Whether a row names this folder."""
        query = select(Adapter.id).where(Adapter.organisation_id == organisation_id, Adapter.sha256 == sha256)
        return await self._session.scalar(query.limit(1)) is not None

    async def remove(self, row: Adapter) -> None:
        """The row; its files go when the transaction is committed, which is the caller's to see to."""
        await self._session.execute(delete(Adapter).where(Adapter.id == row.id))

    async def judged(self, row: Adapter, *, passed: bool) -> Adapter:
        """What the gate found of one that is not in service."""
        if row.state not in {AdapterState.CANDIDATE, AdapterState.PASSED, AdapterState.REFUSED}:
            raise Conflict(f"The adapter is {row.state}; only one that is not in service is judged.")
        return await self.changed(row, AdapterState.PASSED if passed else AdapterState.REFUSED)

    async def changed(self, row: Adapter, state: AdapterState, **values: Any) -> Adapter:
        written = update(Adapter).where(Adapter.id == row.id).values(state=state, updated_at=func.now(), **values).returning(Adapter)
        return (await self._session.scalars(written, execution_options=FRESH)).one()

    async def mark(self, organisation_id: uuid.UUID, dataset_sha256: Sequence[str], reason: str) -> Sequence[Adapter]:
        """Marks every adapter whose lineage names one of these datasets (``dataset_sha256`` of it); those that were not marked before. They
        stay in service: what becomes of them is the caller's to decide."""
        named = Adapter.lineage["dataset_sha256"].as_string().in_(dataset_sha256)
        found = update(Adapter).where(Adapter.organisation_id == organisation_id, named, Adapter.marked.is_(None))
        written = found.values(marked=reason[:500], updated_at=func.now()).returning(Adapter)
        return (await self._session.scalars(written, execution_options=FRESH)).all()
