"""Puts the outgoing client into an application, and removes what is written down of requests when its time is over."""

from __future__ import annotations

import asyncio
from typing import Annotated

import structlog
from fastapi import Depends, FastAPI, Request
from sqlalchemy.exc import SQLAlchemyError

from api.web.deps import Parts
from api.web.ending import end
from cluster.home import Home
from cluster.outgoing.client import Outgoing
from cluster.outgoing.gate import Resolver
from cluster.outgoing.journal import Journal
from cluster.secrets.source import SecretSource

log = structlog.get_logger(__name__)


class Outside:
    """The way out of this process, and what is known of it. Requests are sent without :meth:`start` too; it sweeps the journal."""

    def __init__(self, parts: Parts, resolver: Resolver | None = None) -> None:
        self._settings = parts.settings.outgoing
        self.journal = Journal(parts.stores.database)
        self.client = Outgoing(parts.settings, self.journal, resolver)
        self.secrets = SecretSource.of(parts.stores.database, Home(parts.settings.home))
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._sweep())]

    async def stop(self) -> None:
        await end(self._tasks)
        await self.client.close()

    async def _sweep(self) -> None:
        while True:
            try:
                await self.journal.remove_older(self._settings.log_days)
            except (SQLAlchemyError, OSError) as error:
                log.warning("the journal of requests could not be swept; it is tried again", error=type(error).__name__)
            await asyncio.sleep(self._settings.sweep_s)


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
