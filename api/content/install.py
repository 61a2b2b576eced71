"""Puts the content cache into an application, with what looks after it."""

from __future__ import annotations

import asyncio
import uuid
from functools import partial
from typing import Annotated

import structlog
from anyio import to_thread
from fastapi import Depends, FastAPI, Request

from api.web.deps import Parts
from cluster.content.cache import Content, ContentCache
from cluster.content.isolated import Isolated
from cluster.content.pipeline import processed
from cluster.upkeep import AWAY, Upkeep

log = structlog.get_logger(__name__)

SWEEP_EVERY_S = 60.0


class Contents:
    """Belongs to one event loop. Without :meth:`start` nothing counts reads, or removes what has expired."""

    def __init__(self, parts: Parts) -> None:
        self._settings = parts.settings
        self.cache = ContentCache(parts.stores.database, parts.stores.cache, parts.settings.content)
        # One file at a time, in a process that a file cannot take anything else down with.
        self._helper = Isolated(parts.settings.ingest)
        self._turn = asyncio.Lock()
        self._flush = Upkeep("counting what was read of the content cache", parts.settings.content.flush_s, self.cache.flush)
        self._sweep = Upkeep("sweeping the content cache", SWEEP_EVERY_S, self.cache.sweep)

    async def keep(
        self,
        organisation_id: uuid.UUID,
        owner_id: uuid.UUID,
        key: str,
        source: str,
        content: bytes,
        media: str,
        metadata: dict[str, str],
    ) -> Content:
        """Processes content, and keeps it. Raises Unprocessable and TooLarge for what cannot be processed, UnsupportedMedia for a type that
        nothing processes."""
        limits = self._settings.content
        work = partial(
            self._helper.call, processed, content, media, metadata, self._settings.ingest, int(limits.item_bytes), limits.text_chars
        )
        async with self._turn:
            made = await to_thread.run_sync(work)
        return await self.cache.put(organisation_id, owner_id, key, source, made)

    async def start(self) -> None:
        self._flush.start()
        self._sweep.start()

    async def stop(self) -> None:
        await self._flush.stop()
        await self._sweep.stop()
        await to_thread.run_sync(self._helper.close)
        try:
            await self.cache.flush()
        except AWAY as error:
            log.warning("what was read lately was not counted", error=type(error).__name__)


def install_content(app: FastAPI) -> Contents:
    """Also on ``app.state.contents``; needs ``app.state.parts``. Whoever runs the app calls ``start`` and ``stop``."""
    parts = app.state.parts
    assert isinstance(parts, Parts)
    contents = Contents(parts)
    app.state.contents = contents
    return contents


async def contents_of(request: Request) -> Contents:
    contents = request.app.state.contents
    assert isinstance(contents, Contents)
    return contents


WithContents = Annotated[Contents, Depends(contents_of)]
