"""What a verdict is about in the registries of adapters and releases: one version, and what is found of it."""

from __future__ import annotations

import uuid

from sqlalchemy import func, select, update

from cluster.learning.adapters.names import BARE, split_version, versioned
from cluster.learning.adapters.table import SERVABLE, Adapter, AdapterRoute, AdapterState
from cluster.learning.releases.names import addressed_as, release_in
from cluster.learning.releases.registry import Releases
from cluster.learning.releases.table import Release, ReleaseState
from cluster.stores.sql import AsyncSession

JUDGED = (AdapterState.CANDIDATE, AdapterState.PASSED, AdapterState.REFUSED)
AS_RELEASE = {
    AdapterState.CANDIDATE: ReleaseState.DRAFT,
    AdapterState.PASSED: ReleaseState.PASSED,
    AdapterState.REFUSED: ReleaseState.REFUSED,
}


async def pinned(session: AsyncSession, organisation_id: uuid.UUID, model: str) -> str:
    """The name under which ``model`` stands for the same adapter or release until the verdict is found: ``<base>`` may have one promoted,
    or tried on a share of requests, and ``<base>:<name>`` gets new versions. What the organisation has none of stays as it is."""
    base, _, adapter = model.partition(":")
    release = release_in(adapter)
    if release is not None:
        found = await Releases(session).named(organisation_id, base, release)
        return f"{base}:{addressed_as(found.name, found.version)}" if found is not None else model
    if adapter:
        row = await _named(session, organisation_id, base, adapter)
        return _name(row) if row is not None else model
    chosen = select(Adapter, Release).select_from(AdapterRoute).outerjoin(Adapter, Adapter.id == AdapterRoute.default_id)
    chosen = chosen.outerjoin(Release, Release.id == AdapterRoute.release_id)
    ours = (AdapterRoute.organisation_id == organisation_id, AdapterRoute.base == base)
    routed = (await session.execute(chosen.where(*ours))).one_or_none()
    return _answering(base, *routed) if routed is not None else model


async def judged(session: AsyncSession, organisation_id: uuid.UUID, candidate: str, state: AdapterState) -> str | None:
    """``candidate``, as :func:`pinned` named it, is in ``state`` now; its base. None where it is no adapter or release of the registry,
    or is in service: that is ended by people. A statement: a job's process knows no tables of the API, which the unit of work wants."""
    base, _, adapter = candidate.partition(":")
    release = release_in(adapter)
    if release is not None:
        return await Releases(session).judged(organisation_id, base, release, AS_RELEASE[state])
    name, version = split_version(adapter)
    this = (Adapter.organisation_id == organisation_id, Adapter.base == base, Adapter.name == name, Adapter.version == version)
    changed = update(Adapter).where(*this, Adapter.state.in_(JUDGED)).values(state=state.value, updated_at=func.now())
    return await session.scalar(changed.returning(Adapter.base))


async def _named(session: AsyncSession, organisation_id: uuid.UUID, base: str, adapter: str) -> Adapter | None:
    """Without a version: the one in service, else the newest that may be asked, as requests find it."""
    name, version = split_version(adapter)
    chosen = select(Adapter).where(Adapter.organisation_id == organisation_id, Adapter.base == base, Adapter.name == name)
    chosen = chosen.where(Adapter.state.in_(SERVABLE)).order_by((Adapter.state == AdapterState.IN_SERVICE).desc(), Adapter.version.desc())
    if version is not None:
        chosen = chosen.where(Adapter.version == version)
    return await session.scalar(chosen.limit(1))


def _answering(base: str, row: Adapter | None, way: Release | None) -> str:
    if way is not None:
        return f"{base}:{addressed_as(way.name, way.version)}"
    return _name(row) if row is not None else f"{base}:{BARE}"


def _name(row: Adapter) -> str:
    return f"{row.base}:{versioned(row.name, row.version)}"
