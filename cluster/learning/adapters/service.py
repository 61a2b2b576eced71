"""Putting adapters into service and taking them back. All calls are in one transaction, and lock the organisation's adapters."""

from __future__ import annotations

import uuid

from cluster.errors import Conflict
from cluster.learning.adapters.names import versioned
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.table import SERVABLE, Adapter, AdapterRoute, AdapterState
from cluster.stores.sql import AsyncSession


class InService:
    """``history``: so many promotions can be taken back."""

    def __init__(self, session: AsyncSession, history: int) -> None:
        self.adapters = Adapters(session)
        self._history = history

    async def promote(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID, approver_id: uuid.UUID, *, force: bool) -> Adapter:
        """From now on it answers for its base. ``force``: without a gate that it passed. Raises Conflict."""
        row = await self._locked(organisation_id, adapter_id)
        route = await self.adapters.opened(organisation_id, row.base)
        if route.default_id == row.id:
            return row
        if row.state == AdapterState.RETIRED:
            raise Conflict("The adapter is retired; register its files again to put it into service.")
        if not force and (said := _against(row)):
            raise Conflict(f"'{versioned(row.name, row.version)}' {said}; an admin can put it into service with 'force'.")
        history = [*route.history, _id(route.default_id)][-self._history :]
        await self._turn(route, row, history)
        return await self.adapters.changed(row, AdapterState.IN_SERVICE, approver_id=approver_id)

    async def roll_back(self, organisation_id: uuid.UUID, base: str) -> tuple[AdapterRoute, Adapter | None]:
        """What answered for ``base`` before answers again; the adapter, None where it is the base itself. One that has been deleted or
        retired since is passed over. A canary ends. Raises Conflict where nothing was promoted."""
        await self.adapters.lock(organisation_id)
        route = await self.adapters.route(organisation_id, base)
        if route is None or (route.default_id is None and not route.history):
            raise Conflict(f"No adapter of '{base[:200]}' was promoted here; there is nothing to go back to.")
        history, found = await self._before(organisation_id, route.history, marked=True)
        route = await self._turn(route, found, history)
        if found is not None:
            found = await self.adapters.changed(found, AdapterState.IN_SERVICE)
        return route, found

    async def canary(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID, percent: float) -> AdapterRoute:
        """``percent`` of those who ask for the base get it; 0 ends it. Raises Conflict for one that may not be asked."""
        row = await self._locked(organisation_id, adapter_id)
        route = await self.adapters.opened(organisation_id, row.base)
        if percent > 0 and row.state not in SERVABLE:
            raise Conflict(f"The adapter is {row.state}; only one that may be asked is tried on requests.")
        if percent > 0 and route.default_id == row.id:
            raise Conflict("The adapter answers for its base already; there is nothing to try.")
        if percent == 0 and route.canary_id != row.id:
            return route
        return await self.adapters.pointed(route, canary_id=row.id if percent > 0 else None, percent=percent)

    async def retire(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> Adapter:
        """It is not asked any more. Raises Conflict while requests go to it."""
        row = await self._unused(organisation_id, adapter_id)
        return await self.adapters.changed(row, AdapterState.RETIRED)

    async def remove(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> tuple[Adapter, bool]:
        """The row that is gone, and whether its files may go too. Raises Conflict while requests go to it."""
        row = await self._unused(organisation_id, adapter_id)
        shared = await self.adapters.is_shared(row)
        await self.adapters.remove(row)
        return row, not shared

    async def withdraw(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> None:
        """It is not asked any more, whoever asked it: what answered before it answers again, and its canary ends. One that was marked does
        not come back in its place."""
        row = await self._locked(organisation_id, adapter_id)
        route = await self.adapters.route(organisation_id, row.base)
        if route is not None and route.canary_id == row.id:
            route = await self.adapters.pointed(route, canary_id=None, percent=0.0)
        await self.adapters.changed(row, AdapterState.RETIRED)
        if route is not None and route.default_id == row.id:
            history, found = await self._before(organisation_id, route.history, marked=False)
            await self.adapters.pointed(route, default_id=found.id if found else None, canary_id=None, percent=0.0, history=history)
            if found is not None:
                await self.adapters.changed(found, AdapterState.IN_SERVICE)

    async def _before(self, organisation_id: uuid.UUID, history: list[str], *, marked: bool) -> tuple[list[str], Adapter | None]:
        """The latest of ``history`` that may answer (None: the base itself), and what is left of it. ``marked``: also one that is."""
        left = list(history)
        while left:
            before = left.pop()
            found = await self._usable(organisation_id, before)
            if not before or (found is not None and (marked or found.marked is None)):
                return left, found
        return [], None

    async def _turn(self, route: AdapterRoute, row: Adapter | None, history: list[str]) -> AdapterRoute:
        """Points ``route`` at ``row``. What it was pointed at has passed its gate, whoever let it in."""
        if route.default_id is not None and (row is None or route.default_id != row.id):
            old = await self.adapters.get(route.organisation_id, route.default_id)
            await self.adapters.changed(old, AdapterState.PASSED)
        default = row.id if row is not None else None
        return await self.adapters.pointed(route, default_id=default, canary_id=None, percent=0.0, history=history)

    async def _usable(self, organisation_id: uuid.UUID, adapter_id: str) -> Adapter | None:
        if not adapter_id:
            return None
        rows = await self.adapters.with_ids(organisation_id, [uuid.UUID(adapter_id)])
        return next((row for row in rows if row.state in SERVABLE), None)

    async def _locked(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> Adapter:
        await self.adapters.lock(organisation_id)
        return await self.adapters.get(organisation_id, adapter_id)

    async def _unused(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> Adapter:
        row = await self._locked(organisation_id, adapter_id)
        if await self.adapters.in_use(row):
            raise Conflict("Requests go to this adapter; roll back, or end its canary, first.")
        return row


def _against(row: Adapter) -> str | None:
    """Why it should not go into service."""
    said = {AdapterState.CANDIDATE: "has not passed the gate", AdapterState.REFUSED: "was refused by the gate"}
    learned = "was trained on words that were taken back" if row.marked else None
    return said.get(AdapterState(row.state), learned)


def _id(adapter_id: uuid.UUID | None) -> str:
    return str(adapter_id) if adapter_id is not None else ""
