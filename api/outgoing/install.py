"""Puts the outgoing client into an application, and removes what is written down of requests when its time is over."""

from __future__ import annotations

from typing import Annotated

from fastapi import Depends, FastAPI, Request

from api.web.deps import Parts
from cluster.home import Home
from cluster.outgoing.client import Outgoing
from cluster.outgoing.gate import Resolver
from cluster.outgoing.journal import Journal
from cluster.secrets.source import SecretSource
from cluster.upkeep import Upkeep


class Outside:
    """The way out of this process, and what is known of it. Requests are sent without :meth:`start` too; it sweeps the journal."""

    def __init__(self, parts: Parts, resolver: Resolver | None = None) -> None:
        settings = parts.settings.outgoing
        self.journal = Journal(parts.stores.database)
        self.client = Outgoing(parts.settings, self.journal, resolver)
        self.secrets = SecretSource.of(parts.stores.database, Home(parts.settings.home))
        self._sweep = Upkeep("sweeping the journal of requests", settings.sweep_s, lambda: self.journal.remove_older(settings.log_days))

    async def start(self) -> None:
        self._sweep.start()

    async def stop(self) -> None:
        await self._sweep.stop()
        await self.client.close()


def install_outgoing(app: FastAPI, resolver: Resolver | None = None) -> Outside:
    """Also on ``app.state.outgoing``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    outgoing = Outside(parts, resolver)
    app.state.outgoing = outgoing
    return outgoing


async def outgoing_of(request: Request) -> Outside:
    outgoing = request.app.state.outgoing
    assert isinstance(outgoing, Outside)
    return outgoing


WithOutgoing = Annotated[Outside, Depends(outgoing_of)]
