"""Puts the queue, and webhooks, into an application. Who works on messages is another process (deployments/agents)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.web.deps import Parts
from cluster.home import Home
from cluster.queue.bell import Bell
from cluster.secrets.keyring import KeyRing
from cluster.upkeep import Upkeep
from cluster.webhooks.log import DeliveryLog


class Queueing:
    """``bell``: tells consumers that there is something. ``ring``: the keys that secrets of webhooks are sealed with. Belongs to one event
    loop."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.bell = Bell(parts.stores.cache)
        self.ring = KeyRing(Home(parts.settings.home).keys / "secrets.key")
        self._sweep = Upkeep("looking after webhooks", parts.settings.webhooks.sweep_s, self.sweep)

    async def sweep(self) -> None:
        async with self.parts.stores.database.session() as session:
            log = DeliveryLog(session, self.parts.settings.webhooks)
            await log.disable_crowded()
            await log.remove_older()

    async def start(self) -> None:
        self._sweep.start()

    async def stop(self) -> None:
        await self._sweep.stop()
        await self.bell.close()


def install_queue(app: FastAPI) -> Queueing:
    """Also on ``app.state.queue``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    queueing = Queueing(parts)
    app.state.queue = queueing
    return queueing


async def queueing_of(request: Request) -> Queueing:
    queueing = request.app.state.queue
    assert isinstance(queueing, Queueing)
    return queueing


WithQueue = Annotated[Queueing, Depends(queueing_of)]
