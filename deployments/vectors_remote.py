"""Everybody's knowledge on a Qdrant server of the owner's (``vectors.server_url``), behind the same deployment as an index of our own.

The server keeps the indexes, makes their approximate forms and is backed up by its own means. What may be seen is decided here, as there:
every call goes through a Scope. One replica, since nothing is computed in it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import structlog
from qdrant_client import AsyncQdrantClient

from cluster.contracts.retrieval import EVERYTHING, Filters, Hit, Point, Scrolled, SearchQuery, Space, SpaceState
from cluster.serving.vectors import VectorsArgs
from cluster.settings import VectorSettings
from cluster.stores.urls import read_secret
from deployments.engines.qdrant_scope import Scope
from deployments.engines.qdrant_server import IndexGone, RemoteSpace, make_space, spaces_of
from deployments.finding import choose
from deployments.vector_limits import bounded, check_new, check_query, check_write, named, nothing_in

log = structlog.get_logger(__name__)


def connected(settings: VectorSettings) -> AsyncQdrantClient:
    """To the server of the settings; nothing is asked of it yet. Raises ConfigError when the file of its key cannot be read."""
    key = None if settings.server_key_file is None else read_secret(settings.server_key_file)
    seconds = int(settings.call_timeout_s) or 1
    return AsyncQdrantClient(url=str(settings.server_url), api_key=key, timeout=seconds, check_compatibility=False)


class RemoteVectors:
    """Implements cluster.vectors.VectorStore. Raises Unavailable while the server is away."""

    def __init__(self, args: VectorsArgs | Mapping[str, Any], connect: Callable[[VectorSettings], AsyncQdrantClient] = connected) -> None:
        self._settings = VectorsArgs.model_validate(args).settings
        self._client = connect(self._settings)
        self._spaces: dict[Space, RemoteSpace] = {}

    async def upsert(self, organisation: str, space: Space, points: Sequence[Point]) -> int:
        scope = Scope(organisation)
        check_write(points, self._settings)
        if not points:
            return 0
        with self._forgetting(space):
            return await (await self._made(space)).upsert(scope, points)

    async def delete_document(self, organisation: str, document: str, keep_version: int | None = None) -> int:
        return await self._delete(organisation, Filters(documents=(named(document, "document"),)), keep_version)

    async def delete_collection(self, organisation: str, collection: str) -> int:
        return await self._delete(organisation, Filters(collections=(named(collection, "collection"),)))

    async def delete_organisation(self, organisation: str) -> int:
        return await self._delete(organisation, EVERYTHING)

    async def search(self, organisation: str, space: Space, query: SearchQuery) -> tuple[Hit, ...]:
        check_query(query, self._settings)
        scope, index = Scope(organisation), await self._known(space)
        with self._forgetting(space):
            choice = choose(await index.search(scope, query), query)
            return choice.hits(await index.chunks(scope, choice.ids))

    async def scroll(
        self, organisation: str, space: Space, filters: Filters = EVERYTHING, after: str | None = None, limit: int = 256
    ) -> Scrolled:
        most, index = bounded(limit, "limit", self._settings), await self._known(space)
        with self._forgetting(space):
            return await index.scroll(Scope(organisation), filters, after, most)

    async def count(self, organisation: str, space: Space, filters: Filters = EVERYTHING) -> int:
        index = await self._known(space)
        with self._forgetting(space):
            return await index.count(Scope(organisation).select(filters))

    async def spaces(self) -> tuple[SpaceState, ...]:
        return tuple([await index.state() for index in (await self._all()).values()])

    async def close(self) -> None:
        await self._client.close()

    async def _all(self) -> dict[Space, RemoteSpace]:
        """Those on the server, others' included that were made since."""
        self._spaces = {index.facts.space: index for index in await spaces_of(self._client, self._settings)}
        return self._spaces

    async def _known(self, space: Space) -> RemoteSpace:
        index = self._spaces.get(space) or (await self._all()).get(space)
        if index is None:
            raise nothing_in(space)
        return index

    async def _made(self, space: Space) -> RemoteSpace:
        known = self._spaces if space in self._spaces else await self._all()
        if space not in known:
            check_new(space, len(known), self._settings)
            known[space] = await make_space(self._client, space, self._settings)
            log.info("index made on the server", model=space.model, variant=space.variant, dimensions=space.dimensions)
        return known[space]

    @contextmanager
    def _forgetting(self, space: Space) -> Iterator[None]:
        """An index that somebody deleted on the server is looked for again by the next call, and made again by the next write."""
        try:
            yield
        except IndexGone:
            self._spaces.pop(space, None)
            raise

    async def _delete(self, organisation: str, filters: Filters, keep_version: int | None = None) -> int:
        doomed = Scope(organisation).select(filters, other_than_version=keep_version)
        return sum([await index.delete(doomed) for index in (await self._all()).values()])
