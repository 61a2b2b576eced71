"""What one API process runs for answers: it writes them, relays them, takes over what others left, and removes what is past its time."""

from __future__ import annotations

import asyncio
import uuid
from datetime import UTC, datetime, timedelta

import structlog
from fastapi import FastAPI

from api.conversations.repository import ConversationRepository
from api.releases.shadowing import Shadows
from api.streams import keys
from api.streams.accounts import OnSaved, nobody
from api.streams.relay import Relay
from api.streams.repository import GenerationRepository
from api.streams.runner import Runner
from api.streams.saving import Saving
from api.streams.tickets import Tickets
from api.web.deps import Parts
from api.workflows.install import Graphs
from cluster.ending import end
from cluster.upkeep import Upkeep

log = structlog.get_logger(__name__)

CLEAN_EVERY_S = 3600.0


class Streams:
    """Belongs to one event loop. Answers are written without :meth:`start` too; left ones are then found by other processes only."""

    def __init__(self, parts: Parts, graphs: Graphs, on_saved: OnSaved = nobody, shadows: Shadows | None = None) -> None:
        self._stores = parts.stores
        self._settings = parts.settings.conversations
        self.on_saved = on_saved
        self.saving = Saving(parts.stores.database, self._settings, on_saved)
        self.runner = Runner(graphs, parts.settings, parts.stores.cache, self.saving, shadows)
        self.relay = Relay(parts.stores.cache)
        self.tickets = Tickets(parts.stores.cache, self._settings)
        self._listening: list[asyncio.Task[None]] = []
        self._sweep = Upkeep("looking for left answers", self._settings.sweep_s, self._take_over)
        self._clean = Upkeep("removing old conversations", CLEAN_EVERY_S, self._clean_up)

    async def start(self) -> None:
        self._listening = [asyncio.create_task(self.relay.listen())]
        self._sweep.start()
        self._clean.start()

    async def stop(self) -> None:
        """What was being written here is left to others."""
        await self._sweep.stop()
        await self._clean.stop()
        await end(self._listening)
        await self.runner.stop()

    async def _take_over(self) -> None:
        for generation_id in await self._left():
            self.runner.start(generation_id)

    async def _left(self) -> set[uuid.UUID]:
        """Answers that nobody writes. A row that is younger than a lease may still be on its way to its writer."""
        async with self._stores.database.session() as session:
            running = set(await GenerationRepository(session).left_running(self._settings.lease_s))
        cache = self._stores.cache
        known = running | {uuid.UUID(str(name)) for name in await cache.smembers(keys.OPEN)}
        ids = list(known)
        leases = await cache.mget([keys.lease(generation_id) for generation_id in ids]) if ids else []
        return {generation_id for generation_id, lease in zip(ids, leases, strict=True) if lease is None}

    async def _clean_up(self) -> None:
        async with self._stores.database.session() as session:
            kept = timedelta(days=self._settings.deleted_retention_days)
            expired, purged = await ConversationRepository(session).remove_lapsed(None, datetime.now(UTC), kept)
        if expired or purged:
            log.info("old conversations removed", expired=expired, purged=purged)


def install_streams(app: FastAPI, on_saved: OnSaved = nobody, shadows: Shadows | None = None) -> Streams:
    """Puts it on ``app.state.streams``; needs ``app.state.parts`` and ``app.state.graphs``. ``on_saved`` is told what each answer used, and
    ``shadows`` what was asked. Whoever runs the app calls ``start`` and ``stop``."""
    streams = Streams(app.state.parts, app.state.graphs, on_saved, shadows)
    app.state.streams = streams
    return streams
