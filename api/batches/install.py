"""Puts files and batches into an application: what looks after them runs beside its requests."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterator
from itertools import islice

import structlog
from fastapi import FastAPI

from api.web.deps import Parts
from cluster.batches.ending import Ending
from cluster.batches.files import Files, file_store
from cluster.batches.store import Batches
from cluster.home import Home
from cluster.upkeep import Upkeep

log = structlog.get_logger(__name__)

AT_ONCE = 100


class BatchKeeper:
    """Ends batches whose job ended without them, and removes files that are past their time. Every replica has one; none leads. Belongs to
    one event loop."""

    def __init__(self, parts: Parts) -> None:
        self._database = parts.stores.database
        self._settings = parts.settings
        self._store = file_store(Home(parts.settings.home))
        self._ending = Ending(self._database, self._store, parts.settings.batches)
        self._turns = Upkeep("ending batches whose job ended without them", parts.settings.batches.sweep_s, self.turn)
        self._sweeps = Upkeep("removing files of batches", parts.settings.files.sweep_s, self.sweep)

    async def start(self) -> None:
        self._turns.start()
        self._sweeps.start()

    async def stop(self) -> None:
        await self._turns.stop()
        await self._sweeps.stop()

    async def turn(self) -> None:
        """One look at the batches. Raises what the database raises, and OSError."""
        async with self._database.session() as session:
            batches = Batches(session)
            await batches.cancel_late(AT_ONCE)
            left = await batches.left(AT_ONCE)
        for batch_id in left:
            status = await self._ending.end(batch_id)
            if status is not None:
                log.info("a batch was ended for its job", batch=str(batch_id), status=status)

    async def sweep(self) -> None:
        """One look at the files."""
        async with self._database.session() as session:
            lapsed = await Files(session).remove_lapsed(AT_ONCE)
        for organisation_id, file_id in lapsed:
            await asyncio.to_thread(self._store.remove, organisation_id, file_id)
        found = self._store.leftovers(self._settings.files.unclaimed_s)
        while some := await asyncio.to_thread(_some, found):
            async with self._database.session() as session:
                known = await Files(session).known([file_id for _, file_id in some])
            for organisation_id, file_id in some:
                if file_id not in known:
                    await asyncio.to_thread(self._store.remove, organisation_id, file_id)
                    log.info("a file that nobody knows was removed", file=str(file_id))


def install_batches(app: FastAPI) -> BatchKeeper:
    """Also on ``app.state.batches``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    keeper = BatchKeeper(parts)
    app.state.batches = keeper
    return keeper


def _some(found: Iterator[tuple[uuid.UUID, uuid.UUID]]) -> list[tuple[uuid.UUID, uuid.UUID]]:
    return list(islice(found, AT_ONCE))
