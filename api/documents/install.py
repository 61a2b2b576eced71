"""What runs beside requests for documents: removals that were interrupted are taken up again, and files without a row are removed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import Annotated

import structlog
from fastapi import Depends, FastAPI, Request
from sqlalchemy.exc import SQLAlchemyError

from api.web.deps import Parts
from api.web.ending import end
from cluster.errors import HearthError
from cluster.files import FileStore
from cluster.home import Home
from cluster.knowledge.removal import Remover

log = structlog.get_logger(__name__)

CLEAN_EVERY_S = 3600.0


class Library:
    """Belongs to one event loop. Documents are removed without :meth:`start` too; interrupted removals are then found by others only."""

    def __init__(self, parts: Parts) -> None:
        self.files = FileStore(Home(parts.settings.home).documents)
        self.remover = Remover(parts.stores.database, parts.vectors, self.files)
        self._settings = parts.settings.ingest
        self._tasks: list[asyncio.Task[None]] = []
        self._cleaned = float("-inf")

    async def start(self) -> None:
        self._tasks = [asyncio.create_task(self._sweep())]

    async def stop(self) -> None:
        await end(self._tasks)

    async def finish(self, removal: Awaitable[None]) -> str:
        """Carries out the removal of what is marked: ``deleted``, or ``deleting`` when that has to be left to the sweep."""
        try:
            await removal
        except (SQLAlchemyError, HearthError, OSError) as error:
            log.warning("a removal was interrupted; the sweep takes it up", error=type(error).__name__)
            return "deleting"
        return "deleted"

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(self._settings.sweep_s)
            try:
                await self.remover.interrupted()
                await self._clean_up()
            except (SQLAlchemyError, HearthError, OSError) as error:
                log.warning("what is to be removed could not be; it is tried again", error=type(error).__name__)

    async def _clean_up(self) -> None:
        now = asyncio.get_running_loop().time()
        if now - self._cleaned >= CLEAN_EVERY_S:
            await self.remover.unclaimed_files(self._settings.unclaimed_s)
            self._cleaned = now


def install_documents(app: FastAPI) -> Library:
    """Also on ``app.state.library``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    library = Library(parts)
    app.state.library = library
    return library


async def library_of(request: Request) -> Library:
    library = request.app.state.library
    assert isinstance(library, Library)
    return library


WithLibrary = Annotated[Library, Depends(library_of)]
