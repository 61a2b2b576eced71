"""What is decided about releases. All calls are in one transaction, and lock the organisation's adapters, as promotions of adapters do.

What is decided here is in force when ``publish`` of the adapters has written it down after the commit.
"""

from __future__ import annotations

import uuid
from typing import Any

from cluster.errors import Conflict
from cluster.learning.adapters.registry import Adapters
from cluster.learning.adapters.table import AdapterRoute
from cluster.learning.releases.registry import Releases
from cluster.learning.releases.table import SERVABLE, Release, ReleaseState, Trial
from cluster.learning.releases.turning import InForce, Turning
from cluster.stores.sql import AsyncSession

INSIST = "have it evaluated, or an admin insists with 'force' and a 'reason'."


class ReleasesInService:
    """``history``: so many promotions of a base can be taken back."""

    def __init__(self, session: AsyncSession, history: int) -> None:
        self.adapters = Adapters(session)
        self.releases = Releases(session)
        self._turning = Turning(session, history)

    async def add(self, organisation_id: uuid.UUID, base: str, name: str, most: int, **values: Any) -> Release:
        """The next version of ``name``, a draft. Raises Conflict where the organisation keeps ``most`` already, or the adapter may not be
        asked."""
        await self.adapters.lock(organisation_id)
        await self.releases.need_room(organisation_id, most)
        version = await self.releases.next_version(organisation_id, base, name)
        row = await self.releases.add(organisation_id=organisation_id, base=base, name=name, version=version, **values)
        await self._turning.of(row)
        return row

    async def promote(self, organisation_id: uuid.UUID, release_id: uuid.UUID, approver_id: uuid.UUID, override: str | None) -> Release:
        """From now on it answers for its base. ``override``: why it does without a gate that it passed. Raises Conflict."""
        row, route = await self._locked(organisation_id, release_id)
        if route.release_id == row.id:
            return row
        if row.state == ReleaseState.DRAFT and override is None:
            raise Conflict(f"'{row.label}' has not passed the gate; {INSIST}")
        row = await self._let(row, override)
        chosen = await self._turning.of(row)
        _need_unmarked(chosen, override)
        put = await self._turning.put(route, chosen, approver_id)
        assert put.release is not None
        return put.release

    async def tried(
        self, organisation_id: uuid.UUID, release_id: uuid.UUID, kind: Trial, percent: float, override: str | None
    ) -> tuple[Release, AdapterRoute]:
        """``percent`` of those who ask for its base get it; 0 ends it. Raises Conflict for one that may not be shown to people, and while
        something else is tried."""
        row, route = await self._locked(organisation_id, release_id)
        if percent > 0:
            if route.release_id == row.id:
                raise Conflict("The release answers for its base already; there is nothing to try.")
            row = await self._let(row, override)
            _need_unmarked(await self._turning.of(row), override)
        return row, await self._turning.tried(route, row, kind, percent)

    async def shadowed(self, organisation_id: uuid.UUID, release_id: uuid.UUID, percent: float) -> tuple[Release, AdapterRoute]:
        """``percent`` of the requests for its base are also put to it; 0 ends it. Nobody sees what it says, so it need not have passed."""
        row, route = await self._locked(organisation_id, release_id)
        ours = route.shadow_release_id == row.id
        if percent == 0:
            if not ours:
                return row, route
            await self.releases.end(row.id, Trial.SHADOW)
            return row, await self.adapters.pointed(route, shadow_release_id=None, shadow_percent=0.0)
        if row.state not in SERVABLE or route.release_id == row.id:
            raise Conflict(f"The release is {row.state}; what is tried in the shadow may be asked, and is not what answers.")
        if route.shadow_release_id is not None and not ours:
            raise Conflict(f"Another release of '{route.base}' is in the shadow; end that first.")
        await self._turning.of(row)
        await self.releases.begin(row, Trial.SHADOW, percent)
        return row, await self.adapters.pointed(route, shadow_release_id=row.id, shadow_percent=percent)

    async def retire(self, organisation_id: uuid.UUID, release_id: uuid.UUID) -> Release:
        """It is not asked any more. Raises Conflict while requests go to it."""
        row = await self._unused(organisation_id, release_id)
        return await self.releases.changed(row, state=ReleaseState.RETIRED)

    async def remove(self, organisation_id: uuid.UUID, release_id: uuid.UUID) -> Release:
        """The row that is gone. Raises Conflict for one that passed and was not retired, and while requests go to it."""
        row = await self._unused(organisation_id, release_id)
        if row.state == ReleaseState.PASSED:
            raise Conflict("The release passed its gate, and a rollback may need it; retire it first.")
        await self.releases.remove(row)
        return row

    async def _let(self, row: Release, override: str | None) -> Release:
        """Raises Conflict for one that people may not be shown. ``override`` is kept where it was needed, and is enough for later trials of
        a draft too."""
        if row.state == ReleaseState.RETIRED:
            raise Conflict("The release is retired; make it anew to show it to people.")
        if row.state not in {ReleaseState.DRAFT, ReleaseState.REFUSED}:
            return row
        if override is None and row.state == ReleaseState.DRAFT and row.override is not None:
            return row
        if override is None:
            said = "has not passed the gate" if row.state == ReleaseState.DRAFT else "was refused by the gate"
            raise Conflict(f"'{row.label}' {said}; {INSIST}")
        # What was refused may be asked again; what the gate found stays in its verdict.
        return await self.releases.changed(row, state=ReleaseState.DRAFT, override=override)

    async def _locked(self, organisation_id: uuid.UUID, release_id: uuid.UUID) -> tuple[Release, AdapterRoute]:
        await self.adapters.lock(organisation_id)
        row = await self.releases.get(organisation_id, release_id)
        return row, await self.adapters.opened(organisation_id, row.base)

    async def _unused(self, organisation_id: uuid.UUID, release_id: uuid.UUID) -> Release:
        row, route = await self._locked(organisation_id, release_id)
        if row.id in {route.release_id, route.canary_release_id, route.shadow_release_id}:
            raise Conflict("Requests go to this release; roll back, or end its trial, first.")
        return row


def _need_unmarked(chosen: InForce, override: str | None) -> None:
    if override is None and chosen.adapter is not None and chosen.adapter.marked is not None:
        why = f"'{chosen.adapter.name}' was trained on words that were taken back"
        raise Conflict(f"{why}; make a release with another adapter, or an admin insists with 'force' and a 'reason'.")
