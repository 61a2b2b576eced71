"""Pointing a route at a bundle, and remembering the one before: the only place where what a base stands for is changed.

All calls are in one transaction, in which the organisation's adapters are locked.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass

from cluster.errors import Conflict
from cluster.learning.adapters import table as adapters
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.table import Adapter, AdapterRoute, AdapterState
from cluster.learning.releases.names import RELEASE
from cluster.learning.releases.registry import Releases
from cluster.learning.releases.table import SERVABLE, Release, ReleaseState, Trial
from cluster.stores.sql import AsyncSession


@dataclass(frozen=True, slots=True)
class InForce:
    """What answers: an adapter, or the base itself, in the way of a release, if any."""

    adapter: Adapter | None = None
    release: Release | None = None


BARE = InForce()


class Turning:
    """``history``: so many promotions can be taken back."""

    def __init__(self, session: AsyncSession, history: int) -> None:
        self.adapters = Adapters(session)
        self.releases = Releases(session)
        self._history = history

    async def put(self, route: AdapterRoute, chosen: InForce, approver_id: uuid.UUID) -> InForce:
        """``chosen`` answers from now on, and what answered before is remembered. A canary ends."""
        await self._turn(route, chosen, [*route.history, _name(route)][-self._history :])
        adapter, release = chosen.adapter, chosen.release
        if adapter is not None:
            adapter = await self.adapters.changed(adapter, AdapterState.IN_SERVICE, approver_id=approver_id)
        if release is not None:
            release = await self.releases.changed(release, state=ReleaseState.IN_SERVICE, approver_id=approver_id)
        return InForce(adapter, release)

    async def back(self, route: AdapterRoute, *, marked: bool = True) -> tuple[AdapterRoute, InForce]:
        """What answered before answers again, the whole of it at once. What has been deleted or retired since is passed over, and without
        ``marked`` what has a mark. A canary ends."""
        history, found = list(route.history), BARE
        while history:
            usable = await self._usable(route.organisation_id, history.pop())
            if usable is not None and (marked or usable.adapter is None or usable.adapter.marked is None):
                found = usable
                break
        route = await self._turn(route, found, history)
        if found.adapter is not None:
            await self.adapters.changed(found.adapter, AdapterState.IN_SERVICE)
        if found.release is not None:
            await self.releases.changed(found.release, state=ReleaseState.IN_SERVICE)
        return route, found

    async def without(self, route: AdapterRoute, adapter: Adapter) -> None:
        """``adapter``, which is retired, is not asked any more: what answered before answers again, unless it has a mark, and what is tried
        with it ends."""
        if route.canary_id == adapter.id:
            if route.canary_release_id is not None:
                await self.releases.end(route.canary_release_id, Trial.CANARY, Trial.AB)
            route = await self.adapters.pointed(route, canary_id=None, canary_release_id=None, trial=None, percent=0.0)
        if route.shadow_release_id is not None:
            shadow = await self.releases.get(route.organisation_id, route.shadow_release_id)
            if shadow.adapter_id == adapter.id:
                await self.releases.end(shadow.id, Trial.SHADOW)
                route = await self.adapters.pointed(route, shadow_release_id=None, shadow_percent=0.0)
        if route.default_id == adapter.id:
            await self.back(route, marked=False)

    async def tried(self, route: AdapterRoute, row: Release, kind: Trial, percent: float) -> AdapterRoute:
        """``row`` is tried on ``percent``; 0 ends it. Raises Conflict while something else is."""
        if percent == 0:
            if route.canary_release_id != row.id:
                return route
            await self.releases.end(row.id, Trial.CANARY, Trial.AB)
            return await self.adapters.pointed(route, canary_id=None, canary_release_id=None, trial=None, percent=0.0)
        if tried_by_others(route, row.id):
            raise Conflict(f"Something else is tried on requests for '{route.base}'; end its canary or A/B test first.")
        await self.releases.end(row.id, Trial.CANARY, Trial.AB)
        await self.releases.begin(row, kind, percent)
        values = {"canary_id": row.adapter_id, "canary_release_id": row.id, "trial": kind.value, "percent": percent}
        return await self.adapters.pointed(route, **values)

    async def of(self, row: Release) -> InForce:
        """The bundle of ``row``. Raises Conflict where its adapter may not be asked: half of a release is none."""
        if row.adapter_id is None:
            return InForce(None, row)
        adapter = await self.adapters.get(row.organisation_id, row.adapter_id)
        if adapter.state not in adapters.SERVABLE:
            raise Conflict(f"The adapter of '{row.label}' is {adapter.state}, and may not be asked; make a release with another one.")
        return InForce(adapter, row)

    async def _turn(self, route: AdapterRoute, chosen: InForce, history: list[str]) -> AdapterRoute:
        """What it was pointed at has passed its gate, whoever let it in."""
        adapter, release = chosen.adapter, chosen.release
        if route.default_id is not None and (adapter is None or route.default_id != adapter.id):
            old = await self.adapters.get(route.organisation_id, route.default_id)
            if old.state != AdapterState.RETIRED:
                await self.adapters.changed(old, AdapterState.PASSED)
        if route.release_id is not None and (release is None or route.release_id != release.id):
            before = await self.releases.get(route.organisation_id, route.release_id)
            await self.releases.changed(before, state=ReleaseState.PASSED)
        if route.canary_release_id is not None:
            await self.releases.end(route.canary_release_id, Trial.CANARY, Trial.AB)
        shadow = await self._shadow_left(route, release)
        return await self.adapters.pointed(
            route,
            default_id=adapter.id if adapter is not None else None,
            release_id=release.id if release is not None else None,
            canary_id=None,
            canary_release_id=None,
            trial=None,
            percent=0.0,
            history=history,
            **shadow,
        )

    async def _shadow_left(self, route: AdapterRoute, release: Release | None) -> dict[str, object]:
        """What answers is not asked in its own shadow."""
        if release is None or route.shadow_release_id != release.id:
            return {}
        await self.releases.end(release.id, Trial.SHADOW)
        return {"shadow_release_id": None, "shadow_percent": 0.0}

    async def _usable(self, organisation_id: uuid.UUID, name: str) -> InForce | None:
        """What an entry of a history means now; None: it may not be asked any more."""
        if not name:
            return BARE
        if not name.startswith(RELEASE):
            adapter = await self._adapter(organisation_id, uuid.UUID(name))
            return InForce(adapter) if adapter is not None else None
        row = await self.releases.find(organisation_id, uuid.UUID(name.removeprefix(RELEASE)))
        if row is None or row.state not in SERVABLE:
            return None
        if row.adapter_id is None:
            return InForce(None, row)
        adapter = await self._adapter(organisation_id, row.adapter_id)
        return InForce(adapter, row) if adapter is not None else None

    async def _adapter(self, organisation_id: uuid.UUID, adapter_id: uuid.UUID) -> Adapter | None:
        rows = await self.adapters.with_ids(organisation_id, [adapter_id])
        return next((row for row in rows if row.state in adapters.SERVABLE), None)


def is_turned(route: AdapterRoute | None) -> bool:
    """Whether there is something to go back to."""
    return route is not None and (route.default_id is not None or route.release_id is not None or bool(route.history))


def tried_by_others(route: AdapterRoute, row_id: uuid.UUID) -> bool:
    """Whether an adapter or release other than ``row_id`` is tried on requests."""
    tried = route.canary_release_id or route.canary_id
    return tried is not None and tried != row_id


def _name(route: AdapterRoute) -> str:
    """Of what answers, in a history."""
    if route.release_id is not None:
        return f"{RELEASE}{route.release_id}"
    return str(route.default_id) if route.default_id is not None else ""
