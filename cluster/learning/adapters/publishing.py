"""What the registry decided, written down for gateways and replicas."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from sqlalchemy import func, select

from cluster.home import Home
from cluster.learning.adapters.manifest import Entry, Manifest, Route, write_manifest
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.storage import AdapterFolders
from cluster.learning.adapters.table import Adapter, AdapterRoute, AdapterState
from cluster.stores.sql import Database

log = structlog.get_logger(__name__)

# One number for all bases: manifests are read from the database and written one after another, so that the last holds the last decision.
PUBLISHING_LOCK = 7_250_002


async def publish(database: Database, home: Home, base: str) -> bool:
    """Writes the manifest of ``base`` as the database has it now. Whether it has changed. Raises OSError (a full disk)."""
    async with database.session() as session:
        await session.execute(select(func.pg_advisory_xact_lock(PUBLISHING_LOCK)))
        adapters = Adapters(session)
        found = manifest_of(base, await adapters.servable(base), await adapters.routes(base), AdapterFolders(home))
        return await asyncio.to_thread(write_manifest, home, found)


async def publish_all(database: Database, home: Home) -> int:
    """Every base; how many manifests were not up to date, as after a crash between a commit and its publication."""
    async with database.session() as session:
        decided = await Adapters(session).bases()
    # With those that only a file knows any more, as after an organisation has gone.
    written = await asyncio.to_thread(lambda: [path.stem for path in home.adapters.glob("*.json")])
    bases = sorted({*decided, *written})
    behind = [base for base in bases if await publish(database, home, base)]
    if behind:
        log.info("adapters written down", bases=behind)
    return len(behind)


def manifest_of(base: str, rows: Sequence[Adapter], routes: Sequence[AdapterRoute], folders: AdapterFolders) -> Manifest:
    """``rows``: of one name in one organisation the newest version first. The name without a version means the version in service, else the
    newest."""
    used = {adapter_id for route in routes for adapter_id in _used(route)}
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
    return Manifest(base=base, adapters=entries, routes={str(route.organisation_id): _route(route) for route in routes})


def _used(route: AdapterRoute) -> list[str]:
    """Also what a rollback would bring back, so that it is there at once."""
    ids = [str(adapter_id) for adapter_id in (route.default_id, route.canary_id) if adapter_id is not None]
    return [*ids, *filter(None, route.history[-1:])]


def _route(route: AdapterRoute) -> Route:
    default, canary = route.default_id, route.canary_id
    return Route(default=default.hex if default else None, canary=canary.hex if canary else None, percent=route.percent)
