"""What somebody may do with adapters: see those of the organisation, and, as an editor, add some and decide what requests go to."""

from __future__ import annotations

import asyncio
import tempfile
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, BinaryIO

from api.adapters.loading import load
from api.adapters.schemas import (
    AdapterDay,
    AdapterEntry,
    AdapterForm,
    AdapterPage,
    AdapterQuery,
    AdapterStatistics,
    RouteEntry,
    RouteList,
)
from api.audit.trail import Origin, Trail
from api.conversations.cursors import cursor_of, position_of
from api.usage.repository import Filter, UsageDays
from api.usage.schemas import UsageAmounts
from api.web.bodies import parse_json
from api.web.deps import Parts
from api.web.principal import Principal, Role
from cluster.errors import BadInput, Forbidden, Unavailable
from cluster.home import Home
from cluster.learning.adapters.names import versioned
from cluster.learning.adapters.publishing import publish
from cluster.learning.adapters.registry import Adapters, register
from cluster.learning.adapters.service import InService
from cluster.learning.adapters.storage import AdapterFolders
from cluster.learning.adapters.table import Adapter
from cluster.learning.adapters.unpacking import unpack_adapter
from cluster.learning.releases.turning import InForce
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class _Change:
    """One transaction in which something is decided."""

    session: AsyncSession
    trail: Trail
    service: InService


class AdapterService:
    """For one person. Opens its own transactions: what was decided is written down for gateways and replicas when it is committed."""

    def __init__(self, parts: Parts, who: Principal, origin: Origin) -> None:
        self._parts = parts
        self._settings = parts.settings
        self._home = Home(parts.settings.home)
        self._who = who
        self._origin = origin

    async def page(self, asked: AdapterQuery) -> AdapterPage:
        before = position_of(asked.cursor)
        async with self._parts.stores.database.session() as session:
            found = await Adapters(session).page(
                self._who.organisation_id, base=asked.base, name=asked.name, state=asked.state, before=before, most=asked.limit + 1
            )
        shown = found[: asked.limit]
        more = cursor_of(shown[-1].created_at, shown[-1].id) if len(found) > asked.limit else None
        return AdapterPage(adapters=[AdapterEntry.of(row) for row in shown], next_cursor=more)

    async def one(self, adapter_id: uuid.UUID) -> AdapterEntry:
        return AdapterEntry.of(await self._get(adapter_id))

    async def routes(self) -> RouteList:
        async with self._parts.stores.database.session() as session:
            rows = await Adapters(session).routes_of(self._who.organisation_id)
        return RouteList(routes=[RouteEntry.of(row) for row in rows])

    async def statistics(self, adapter_id: uuid.UUID, days: int) -> AdapterStatistics:
        last = datetime.now(UTC).date()
        first = last - timedelta(days=days - 1)
        async with self._parts.stores.database.session() as session:
            row = await Adapters(session).get(self._who.organisation_id, adapter_id)
            model, usage = f"{row.base}:{versioned(row.name, row.version)}", UsageDays(session)
            own = Filter(self._who.organisation_id, first, last, model=model)
            by_day, total = await usage.sums(own, "day", days), await usage.total(own)
            base = await usage.total(Filter(self._who.organisation_id, first, last, model=row.base))
        return AdapterStatistics(
            model=model,
            days=[AdapterDay.of_day(found) for found in by_day],
            total=UsageAmounts.of(total),
            base_total=UsageAmounts.of(base),
        )

    async def upload(self, archive: BinaryIO, form: AdapterForm) -> AdapterEntry:
        """A candidate, from a zip or tar of a PEFT folder."""
        lineage = parse_json(form.lineage.encode())
        if not isinstance(lineage, dict):
            raise BadInput("'lineage' must be a JSON object.").about("lineage")
        try:
            row = await self._registered(archive, form, lineage)
        except OSError as error:
            raise Unavailable(
                f"The adapter cannot be kept ({error.strerror or 'the disk fails'}); nothing was taken. Retry in 60 s."
            ) from None
        return await self._published(row)

    async def _registered(self, archive: BinaryIO, form: AdapterForm, lineage: dict[str, Any]) -> Adapter:
        with tempfile.TemporaryDirectory(prefix="hearth-adapter-") as folder:
            await asyncio.to_thread(unpack_adapter, archive, Path(folder), int(self._settings.adapters.bytes))
            async with self._changing() as change:
                row = await register(
                    change.session,
                    organisation_id=self._who.organisation_id,
                    base=form.base,
                    name=form.name,
                    folder=Path(folder),
                    lineage={**lineage, "source": "upload"},
                    settings=self._settings,
                    owner_id=self._who.user_id,
                )
                change.trail.record("adapter.added", _target(row), base=row.base, name=row.name, version=row.version, sha256=row.sha256)
        return row

    async def promote(self, adapter_id: uuid.UUID, *, force: bool) -> AdapterEntry:
        """Its first request is not the one that loads it: it is loaded before requests go to it."""
        if force and not self._who.role.includes(Role.ADMIN):
            raise Forbidden("Only an admin puts an adapter into service that has not passed the gate; ask one, or run the gate.")
        await load(self._parts, await self._get(adapter_id))
        async with self._changing() as change:
            row = await change.service.promote(self._who.organisation_id, adapter_id, self._who.user_id, force=force)
            change.trail.record("adapter.promoted", _target(row), base=row.base, name=row.name, version=row.version, forced=force)
        return await self._published(row)

    async def roll_back(self, base: str) -> RouteEntry:
        async with self._changing() as change:
            route, now = await change.service.roll_back(self._who.organisation_id, base)
            note_rollback(change.trail, base, now)
        await publish(self._parts.stores.database, self._home, base)
        return RouteEntry.of(route)

    async def canary(self, adapter_id: uuid.UUID, percent: float) -> RouteEntry:
        if percent > 0:
            await load(self._parts, await self._get(adapter_id))
        async with self._changing() as change:
            route = await change.service.canary(self._who.organisation_id, adapter_id, percent)
            change.trail.record("adapter.canary", f"adapter:{adapter_id}", base=route.base, percent=str(percent))
        await publish(self._parts.stores.database, self._home, route.base)
        return RouteEntry.of(route)

    async def retire(self, adapter_id: uuid.UUID) -> AdapterEntry:
        async with self._changing() as change:
            row = await change.service.retire(self._who.organisation_id, adapter_id)
            change.trail.record("adapter.retired", _target(row), base=row.base, name=row.name, version=row.version)
        return await self._published(row)

    async def remove(self, adapter_id: uuid.UUID) -> None:
        """Its files go when no replica is told of it any more."""
        async with self._changing() as change:
            row, alone = await change.service.remove(self._who.organisation_id, adapter_id)
            change.trail.record("adapter.removed", _target(row), base=row.base, name=row.name, version=row.version)
        await publish(self._parts.stores.database, self._home, row.base)
        if alone:
            await asyncio.to_thread(AdapterFolders(self._home).remove, row.organisation_id, row.sha256)

    async def _get(self, adapter_id: uuid.UUID) -> Adapter:
        async with self._parts.stores.database.session() as session:
            return await Adapters(session).get(self._who.organisation_id, adapter_id)

    async def _published(self, row: Adapter) -> AdapterEntry:
        await publish(self._parts.stores.database, self._home, row.base)
        return AdapterEntry.of(row)

    @asynccontextmanager
    async def _changing(self) -> AsyncIterator[_Change]:
        async with self._parts.stores.database.session() as session:
            trail = Trail(session, self._origin, self._who)
            yield _Change(session, trail, InService(session, self._settings.adapters.history))


def note_rollback(trail: Trail, base: str, now: InForce) -> None:
    """What answers for ``base`` again."""
    row = now.release or now.adapter
    what = "release" if now.release is not None else "adapter"
    target = f"{what}:{row.id}" if row is not None else f"model:{base}"
    trail.record(f"{what}.rolled_back", target, base=base, version=row.version if row is not None else None)


def _target(row: Adapter) -> str:
    return f"adapter:{row.id}"
