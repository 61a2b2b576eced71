"""What the registry decided, written down for gateways and replicas."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence

import structlog
from sqlalchemy import func, select

from cluster.home import Home
from cluster.learning.adapters.manifest import Entry, Manifest, Route, write_manifest
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.storage import AdapterFolders
from cluster.learning.adapters.table import Adapter, AdapterRoute, AdapterState
from cluster.learning.releases.entry import ReleaseEntry
from cluster.learning.releases.names import RELEASE
from cluster.learning.releases.registry import Releases
from cluster.learning.releases.table import Release, ReleaseState
from cluster.stores.sql import Database

log = structlog.get_logger(__name__)

# One number for all bases: manifests are read from the database and written one after another, so that the last holds the last decision.
PUBLISHING_LOCK = 7_250_002


async def publish(database: Database, home: Home, base: str) -> bool:
    """Writes the manifest of ``base`` as the database has it now. Whether it has changed. Raises OSError (a full disk)."""
    async with database.session() as session:
        await session.execute(select(func.pg_advisory_xact_lock(PUBLISHING_LOCK)))
        adapters = Adapters(session)
        rows, releases = await adapters.servable(base), await Releases(session).servable(base)
        found = manifest_of(base, rows, await adapters.routes(base), AdapterFolders(home), releases)
        return await asyncio.to_thread(write_manifest, home, found)


async def publish_all(database: Database, home: Home) -> int:
    """Every base; how many manifests were not up to date, as after a crash between a commit and its publication."""
    async with database.session() as session:
        decided = [*await Adapters(session).bases(), *await Releases(session).bases()]
    # With those that only a file knows any more, as after an organisation has gone.
    written = await asyncio.to_thread(lambda: [path.stem for path in home.adapters.glob("*.json")])
    bases = sorted({*decided, *written})
    behind = [base for base in bases if await publish(database, home, base)]
    if behind:
        log.info("adapters written down", bases=behind)
    return len(behind)


async def sweep(database: Database, home: Home, older_s: float) -> int:
    """Removes the files that no row names, as after a crash between the copy and the commit; of how many adapters."""
    folders, removed = AdapterFolders(home), 0
    for organisation_id, sha256 in await asyncio.to_thread(folders.leftovers, older_s):
        async with database.session() as session:
            known = await Adapters(session).known(organisation_id, sha256)
        if not known:
            await asyncio.to_thread(folders.remove, organisation_id, sha256)
            removed += 1
    return removed


def manifest_of(
    base: str, rows: Sequence[Adapter], routes: Sequence[AdapterRoute], folders: AdapterFolders, releases: Sequence[Release] = ()
) -> Manifest:
    """``rows`` and ``releases``: of one name in one organisation the newest version first. The name without a version means the version in
    service, else the newest."""
    adapters = {str(release.id): release.adapter_id for release in releases}
    used = {adapter_id for route in routes for adapter_id in _used(route, adapters)}
    bare: dict[tuple[object, str], Adapter] = {}
    for row in rows:
        key = (row.organisation_id, row.name)
        if key not in bare or row.state == AdapterState.IN_SERVICE:
            bare[key] = row
    entries = tuple(
        Entry(
            id=row.id.hex,
            organisation=str(row.organisation_id),
            name=row.name,
            version=row.version,
            folder=str(folders.path(row.organisation_id, row.sha256)),
            named=bare[row.organisation_id, row.name] is row,
            warm=str(row.id) in used,
        )
        for row in rows
    )
    told = {str(route.organisation_id): _route(route) for route in routes}
    return Manifest(base=base, adapters=entries, releases=_released(releases), routes=told)


def _released(rows: Sequence[Release]) -> tuple[ReleaseEntry, ...]:
    bare: dict[tuple[object, str], Release] = {}
    for row in rows:
        key = (row.organisation_id, row.name)
        if key not in bare or row.state == ReleaseState.IN_SERVICE:
            bare[key] = row
    return tuple(
        ReleaseEntry(
            id=row.id.hex,
            organisation=str(row.organisation_id),
            name=row.name,
            version=row.version,
            adapter=_hex(row.adapter_id),
            prompt=row.prompt["text"] if row.prompt is not None else None,
            retrieval=row.retrieval,
            named=bare[row.organisation_id, row.name] is row,
        )
        for row in rows
    )


def _used(route: AdapterRoute, releases: Mapping[str, uuid.UUID | None]) -> list[str]:
    """Also what a rollback would bring back, so that it is there at once. ``releases``: their adapters."""
    ids = [route.default_id, route.canary_id, releases.get(str(route.shadow_release_id))]
    before = route.history[-1] if route.history else ""
    if before.startswith(RELEASE):
        ids.append(releases.get(before.removeprefix(RELEASE)))
    return [*(str(adapter_id) for adapter_id in ids if adapter_id is not None), before]


def _route(route: AdapterRoute) -> Route:
    return Route(
        default=_hex(route.default_id),
        release=_hex(route.release_id),
        canary=_hex(route.canary_id),
        canary_release=_hex(route.canary_release_id),
        percent=route.percent,
        shadow=_hex(route.shadow_release_id),
        shadow_percent=route.shadow_percent,
    )


def _hex(row_id: uuid.UUID | None) -> str | None:
    return row_id.hex if row_id is not None else None
