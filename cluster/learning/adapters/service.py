"""Putting adapters by themselves into service, and taking back whatever is. All calls are in one transaction, and lock the organisation's
adapters. How an adapter by itself and a release stand to each other: see cluster/learning/releases/__init__.py."""

from __future__ import annotations

import uuid

from cluster.errors import Conflict
from cluster.learning.adapters.names import versioned
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.table import SERVABLE, Adapter, AdapterRoute, AdapterState
from cluster.learning.releases.turning import InForce, Turning, is_turned
from cluster.stores.sql import AsyncSession


class InService:
    """``history``: so many promotions can be taken back."""

    def __init__(self, session: AsyncSession, history: int) -> None:
        self.adapters = Adapters(session)
        self._turning = Turning(session, history)

    async def promote(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID, approver_id: uuid.UUID, *, force: bool) -> Adapter:
        """From now on it answers for its base. ``force``: without a gate that it passed. Raises Conflict."""
        row = await self._locked(organisation_id, adapter_id)
        route = await self.adapters.opened(organisation_id, row.base)
        _need_no_release(route)
        if route.default_id == row.id:
            return row
        if row.state == AdapterState.RETIRED:
            raise Conflict("The adapter is retired; register its files again to put it into service.")
        if not force and (said := _against(row)):
            raise Conflict(f"'{versioned(row.name, row.version)}' {said}; an admin can put it into service with 'force'.")
        put = await self._turning.put(route, InForce(row), approver_id)
        assert put.adapter is not None
        return put.adapter

    async def roll_back(self, organisation_id: uuid.UUID, base: str) -> tuple[AdapterRoute, InForce]:
        """What answered for ``base`` before answers again, the whole of it: an adapter, a release, or the base itself. What has been
        deleted or retired since is passed over. A canary ends. Raises Conflict where nothing was promoted."""
        await self.adapters.lock(organisation_id)
        route = await self.adapters.route(organisation_id, base)
        if route is None or not is_turned(route):
            raise Conflict(f"Nothing was promoted for '{base[:200]}' here; there is nothing to go back to.")
        return await self._turning.back(route)

    async def canary(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID, percent: float) -> AdapterRoute:
        """``percent`` of those who ask for the base get it; 0 ends it. Raises Conflict for one that may not be asked."""
        row = await self._locked(organisation_id, adapter_id)
        route = await self.adapters.opened(organisation_id, row.base)
        if route.canary_release_id is not None:
            raise Conflict("A release is tried on requests for this base; end that first, at /api/v1/releases.")
        if percent > 0:
            _need_no_release(route)
        if percent > 0 and row.state not in SERVABLE:
            raise Conflict(f"The adapter is {row.state}; only one that may be asked is tried on requests.")
        if percent > 0 and route.default_id == row.id:
            raise Conflict("The adapter answers for its base already; there is nothing to try.")
        if percent == 0 and route.canary_id != row.id:
            return route
        return await self.adapters.pointed(route, canary_id=row.id if percent > 0 else None, percent=percent)

    async def retire(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> Adapter:
        """It is not asked any more. Raises Conflict while requests go to it, or a release has it."""
        row = await self._unused(organisation_id, adapter_id, alive=True)
        return await self.adapters.changed(row, AdapterState.RETIRED)

    async def remove(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> tuple[Adapter, bool]:
        """The row that is gone, and whether its files may go too. Raises Conflict while requests go to it, or a release has it."""
        row = await self._unused(organisation_id, adapter_id, alive=False)
        shared = await self.adapters.is_shared(row)
        await self.adapters.remove(row)
        return row, not shared

    async def withdraw(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> None:
        """It is not asked any more, whoever asked it: what answered before it answers again, and what is tried with it ends. What was
        marked does not come back in its place."""
        row = await self._locked(organisation_id, adapter_id)
        route = await self.adapters.route(organisation_id, row.base)
        await self.adapters.changed(row, AdapterState.RETIRED)
        if route is not None:
            await self._turning.without(route, row)

    async def _locked(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> Adapter:
        await self.adapters.lock(organisation_id)
        return await self.adapters.get(organisation_id, adapter_id)

    async def _unused(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID, *, alive: bool) -> Adapter:
        """``alive``: a release that is retired may keep it."""
        row = await self._locked(organisation_id, adapter_id)
        if await self.adapters.in_use(row):
            raise Conflict("Requests go to this adapter; roll back, or end its canary, first.")
        release = await self._turning.releases.with_adapter(row.id, alive=alive)
        if release is not None:
            raise Conflict(f"The release '{release.label}' has this adapter; {'retire or delete' if alive else 'delete'} that first.")
        return row


def _against(row: Adapter) -> str | None:
    """Why it should not go into service."""
    said = {AdapterState.CANDIDATE: "has not passed the gate", AdapterState.REFUSED: "was refused by the gate"}
    learned = "was trained on words that were taken back" if row.marked else None
    return said.get(AdapterState(row.state), learned)


def _need_no_release(route: AdapterRoute) -> None:
    """An adapter by itself would take half of what answers away."""
    if route.release_id is not None:
        raise Conflict(f"A release answers for '{route.base}'; make a release with this adapter, or roll back first.")
