"""What runs beside requests for documents: removals that were interrupted are taken up again, and files without a row are removed."""

from __future__ import annotations

from collections.abc import Awaitable
from typing import Annotated

import structlog
from fastapi import Depends, FastAPI, Request

from api.web.deps import Parts
from cluster.files import FileStore
from cluster.home import Home
from cluster.knowledge.removal import Remover
from cluster.upkeep import AWAY, Upkeep

log = structlog.get_logger(__name__)

CLEAN_EVERY_S = 3600.0


class Library:
    """Belongs to one event loop. Documents are removed without :meth:`start` too; interrupted removals are then found by others only."""

    def __init__(self, parts: Parts) -> None:
        self.files = FileStore(Home(parts.settings.home).documents)
        self.remover = Remover(parts.stores.database, parts.vectors, self.files)
        settings = parts.settings.ingest
        self._sweep = Upkeep("removing what is to be removed", settings.sweep_s, self.remover.interrupted)
        self._clean = Upkeep("removing files that nobody knows", CLEAN_EVERY_S, lambda: self.remover.unclaimed_files(settings.unclaimed_s))

    async def start(self) -> None:
        self._sweep.start()
        self._clean.start()

    async def stop(self) -> None:
        await self._sweep.stop()
        await self._clean.stop()

    async def finish(self, removal: Awaitable[None]) -> str:
        """Carries out the removal of what is marked: ``deleted``, or ``deleting`` when that has to be left to the sweep."""
        try:
            await removal
        except AWAY as error:
            log.warning("a removal was interrupted; the sweep takes it up", error=type(error).__name__)
            return "deleting"
        return "deleted"


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
