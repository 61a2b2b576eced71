"""Has what was decided about adapters written down for gateways and replicas, also after a crash in between."""

from __future__ import annotations

from fastapi import FastAPI

from api.adapters.marking import record_marked
from api.audit.trail import Origin, Trail
from api.web.deps import Parts
from cluster.home import Home
from cluster.learning.adapters.publishing import publish_all, sweep
from cluster.learning.leftovers import sweep_leftovers
from cluster.learning.taking_back import take_back
from cluster.upkeep import Upkeep

SWEEP_EVERY_S = 3600.0
# An upload is copied and named in one request, which takes no hour.
UNCLAIMED_S = 3600.0
# Whose words went is in the audit log already, where they asked for it.
NOBODY = Origin(None, None)


class AdapterKeeper:
    """Belongs to one event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._upkeep = Upkeep("writing adapters down", parts.settings.adapters.look_s, self._look)
        self._taking_back = Upkeep("marking what was learned from words taken back", parts.settings.adapters.look_s, self._take_back)
        self._sweeping = Upkeep("sweeping files of what was learned from", SWEEP_EVERY_S, self._sweep)

    async def start(self) -> None:
        self._upkeep.start()
        self._taking_back.start()
        self._sweeping.start()

    async def stop(self) -> None:
        await self._upkeep.stop()
        await self._taking_back.stop()
        await self._sweeping.stop()

    async def _look(self) -> None:
        await publish_all(self._parts.stores.database, Home(self._parts.settings.home))

    async def _take_back(self) -> None:
        database, settings = self._parts.stores.database, self._parts.settings.adapters
        async with database.session() as session:
            taken = await take_back(session, settings)
            record_marked(Trail(session, NOBODY), taken.marked)
        if any(one.retired for one in taken.marked):
            await publish_all(database, Home(self._parts.settings.home))

    async def _sweep(self) -> None:
        database, home = self._parts.stores.database, Home(self._parts.settings.home)
        await sweep(database, home, UNCLAIMED_S)
        await sweep_leftovers(database, home, UNCLAIMED_S)


def install_adapters(app: FastAPI) -> AdapterKeeper:
    """Also on ``app.state.adapters``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    keeper = AdapterKeeper(parts)
    app.state.adapters = keeper
    return keeper
