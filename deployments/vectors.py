"""The index of everybody's knowledge: the one deployment that owns what is below HEARTH_HOME/vectors.

One replica, and a lock file besides: a second owner of the same home is refused. Calls that read run in the event loop, a few milliseconds
each (the engine holds the GIL anyway); writes are cut into pieces, with reads in between. Indexes are built by other processes.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import structlog
from ray import serve

from cluster.contracts.retrieval import EVERYTHING, Filters, Hit, Point, Scrolled, SearchQuery, Space, SpaceState
from cluster.contracts.serving import VECTORS_DEPLOYMENT
from cluster.errors import ConfigError
from cluster.generations import CURRENT, own
from cluster.serving.vectors import VectorsArgs
from cluster.vectors import VectorStore
from deployments.engines.qdrant_facts import folder_name
from deployments.engines.qdrant_scope import Scope
from deployments.spaces import SpaceIndex
from deployments.vector_limits import bounded, check_new, check_query, check_write, named, nothing_in

log = structlog.get_logger(__name__)


class Vectors:
    """Implements cluster.vectors.VectorStore. Raises Unavailable when another process owns the folder."""

    def __init__(self, args: VectorsArgs | Mapping[str, Any]) -> None:
        given = VectorsArgs.model_validate(args)
        self._settings = given.settings
        self._root = Path(given.folder)
        self._owned = own(self._root, self._settings.lock_wait_s)
        self._spaces = self._open()
        self._builds: dict[Space, asyncio.Task[None]] = {}

    async def upsert(self, organisation: str, space: Space, points: Sequence[Point]) -> int:
        scope = Scope(organisation)
        check_write(points, self._settings)
        return await self._made(space).upsert(scope, points) if points else 0

    async def delete_document(self, organisation: str, document: str, keep_version: int | None = None) -> int:
        return await self._delete(organisation, Filters(documents=(named(document, "document"),)), keep_version)

    async def delete_collection(self, organisation: str, collection: str) -> int:
        return await self._delete(organisation, Filters(collections=(named(collection, "collection"),)))

    async def delete_organisation(self, organisation: str) -> int:
        return await self._delete(organisation, EVERYTHING)

    async def search(self, organisation: str, space: Space, query: SearchQuery) -> tuple[Hit, ...]:
        check_query(query, self._settings)
        return self._known(space).search(Scope(organisation), query)

    async def scroll(
        self, organisation: str, space: Space, filters: Filters = EVERYTHING, after: str | None = None, limit: int = 256
    ) -> Scrolled:
        return self._known(space).scroll(Scope(organisation), filters, after, bounded(limit, "limit", self._settings))

    async def count(self, organisation: str, space: Space, filters: Filters = EVERYTHING) -> int:
        return self._known(space).count(Scope(organisation), filters)

    async def spaces(self) -> tuple[SpaceState, ...]:
        return tuple(index.state for index in self._spaces.values())

    async def check_health(self) -> None:
        """Called by Serve every few seconds; begins what is due: an index grown too large for exact search is built meanwhile."""
        for space, index in self._spaces.items():
            if index.is_due():
                self._builds[space] = asyncio.create_task(index.build(), name=f"index of {space.model}")
        self._builds = {space: task for space, task in self._builds.items() if not task.done()}

    async def built(self) -> None:
        """Returns when no index is being built."""
        await asyncio.gather(*self._builds.values())

    def close(self) -> None:
        """Closes all indexes and lets go of the folder. May be called twice."""
        for task in self._builds.values():
            task.cancel()
        for index in self._spaces.values():
            index.close()
        self._spaces = {}
        self._owned.release()

    def __del__(self) -> None:
        # Called by Serve when the replica stops; nothing is open where starting failed.
        if hasattr(self, "_builds"):
            self.close()

    def _open(self) -> dict[Space, SpaceIndex]:
        """The index in each folder below the root. What a crash left of one that was being made is no index."""
        folders = sorted(path.parent for path in self._root.glob(f"*/{CURRENT}"))
        found = [SpaceIndex.open(folder, self._settings) for folder in folders]
        return {index.space: index for index in found if index is not None}

    def _known(self, space: Space) -> SpaceIndex:
        index = self._spaces.get(space)
        if index is None:
            raise nothing_in(space)
        return index

    def _made(self, space: Space) -> SpaceIndex:
        if space in self._spaces:
            return self._spaces[space]
        check_new(space, len(self._spaces), self._settings)
        self._spaces[space] = SpaceIndex.make(self._root / folder_name(space), space, self._settings)
        log.info("index made", model=space.model, variant=space.variant, dimensions=space.dimensions)
        return self._spaces[space]

    async def _delete(self, organisation: str, filters: Filters, keep_version: int | None = None) -> int:
        scope = Scope(organisation)
        return sum([await index.delete(scope, filters, keep_version) for index in tuple(self._spaces.values())])


def build(args: VectorsArgs | Mapping[str, Any]) -> serve.Application:
    """The ``import_path`` of the application of the index: ours, or the way to a server. Raises ConfigError for a home that is not
    absolute."""
    given = VectorsArgs.model_validate(args)
    if not Path(given.folder).is_absolute():
        raise ConfigError(f"The index needs an absolute folder, not '{given.folder}'.")
    kept: type[VectorStore] = Vectors
    if given.settings.server_url is not None:
        # Its client takes a second to load and 40 MB, which whoever has no server need not pay.
        from deployments.vectors_remote import RemoteVectors

        kept = RemoteVectors
    return serve.deployment(name=VECTORS_DEPLOYMENT, ray_actor_options={"num_cpus": 0})(kept).bind(given.model_dump(mode="json"))
