"""The vector store: what every room may ask of it, wherever it runs.

``VectorStore`` is what callers depend on; ``ServeVectors`` (cluster/serving/vectors.py) reaches the one deployment that owns the index.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from cluster.contracts.retrieval import EVERYTHING, Filters, Hit, Point, Scrolled, SearchQuery, Space, SpaceState


class VectorStore(Protocol):
    """Every call names the organisation that asks, and reaches nothing of another.

    Raises BadInput (a vector of the wrong size, a chunk of another organisation, a query without what its mode needs), NotFound (a space
    in which nothing was ever written), TooLarge (more points than one call takes), Unavailable ("retry in N s"), EngineError. Every write
    can be repeated: the second time changes nothing. What was acknowledged is on disk.
    """

    async def upsert(self, organisation: str, space: Space, points: Sequence[Point]) -> int:
        """Writes points, over those of the same document and chunk number; the first write to a space makes it. How many there were."""
        ...

    async def delete_document(self, organisation: str, document: str, keep_version: int | None = None) -> int:
        """Deletes the document's chunks in all spaces, less those of ``keep_version``. How many there were."""
        ...

    async def delete_collection(self, organisation: str, collection: str) -> int: ...

    async def delete_organisation(self, organisation: str) -> int: ...

    async def search(self, organisation: str, space: Space, query: SearchQuery) -> tuple[Hit, ...]:
        """The best first. Nothing found is an empty tuple."""
        ...

    async def scroll(
        self, organisation: str, space: Space, filters: Filters = EVERYTHING, after: str | None = None, limit: int = 256
    ) -> Scrolled:
        """A page of what there is, found or not. ``after``: ``next`` of the page before."""
        ...

    async def count(self, organisation: str, space: Space, filters: Filters = EVERYTHING) -> int: ...

    async def spaces(self) -> tuple[SpaceState, ...]:
        """All indexes there are, of all organisations together: for whoever watches the service."""
        ...
