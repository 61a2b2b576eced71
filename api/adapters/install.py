"""Has what was decided about adapters written down for gateways and replicas, also after a crash in between."""

from __future__ import annotations

from fastapi import FastAPI

from api.web.deps import Parts
from cluster.home import Home
from cluster.learning.adapters.publishing import publish_all
from cluster.upkeep import Upkeep


class AdapterKeeper:
    """Belongs to one event loop."""

    def __init__(self, parts: Parts) -> None:
        self._parts = parts
        self._upkeep = Upkeep("writing adapters down", parts.settings.adapters.look_s, self._look)

    async def start(self) -> None:
        self._upkeep.start()

    async def stop(self) -> None:
        await self._upkeep.stop()

    async def _look(self) -> None:
        await publish_all(self._parts.stores.database, Home(self._parts.settings.home))


def install_adapters(app: FastAPI) -> AdapterKeeper:
    """Also on ``app.state.adapters``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    keeper = AdapterKeeper(parts)
    app.state.adapters = keeper
    return keeper
