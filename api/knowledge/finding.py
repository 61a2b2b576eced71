"""Items found by what they mean, as far as a person may see them."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime

from api.knowledge.access import COLLECTION, keys, lasting
from api.knowledge.answers import Found, FoundItems, Neighbour, Queued
from api.knowledge.repository import KnowledgeRows, Narrow, Reader
from api.knowledge.schemas import EmbeddingsBody, FindBody
from api.semantic.models import Asking, space_of
from cluster.contracts.retrieval import Attribute, Filters, Hit, SearchMode, SearchQuery, Thresholds
from cluster.errors import NotFound

# Several chunks of one item are one hit, and the database has the last word on who sees it.
CHUNKS_PER_ITEM = 5
EMBEDDED_AT_ONCE = 1000


class Finding:
    """Holds no transaction while a model or the index works. The index narrows to what the reader may find; the database decides."""

    def __init__(self, asking: Asking, reader: Reader) -> None:
        self._asking = asking
        self._reader = reader
        self._database = asking.parts.stores.database

    async def find(self, body: FindBody) -> FoundItems:
        """The best first; of each item its best passage."""
        model = await lasting(self._asking.parts.gateway)
        narrow = Narrow(body.category, body.kind, body.tag)
        hits = await self._hits(model, body.query, body.mode, body.threshold, body.limit, narrow)
        async with self._database.session() as session:
            rows = await KnowledgeRows(session, self._reader).those(list(hits), narrow)
        found = [
            Found(
                item_id=item_id,
                version=row.version,
                title=row.title,
                kind=row.kind,
                category=row.category,
                tags=row.tags,
                score=hit.score,
                reason=hit.reason,
                passage=row.content[hit.chunk.span.start : hit.chunk.span.end],
                start=hit.chunk.span.start,
                end=hit.chunk.span.end,
            )
            for item_id, hit in hits.items()
            if (row := rows.get(item_id)) is not None
        ]
        return FoundItems(model=model, hits=found[: body.limit])

    async def neighbours(self, text: str, most: int, without: uuid.UUID | None = None) -> list[Neighbour]:
        """Items that say something alike, the nearest first."""
        model = await lasting(self._asking.parts.gateway)
        hits = await self._hits(model, text, "dense", 0.0, most + 1, Narrow())
        async with self._database.session() as session:
            rows = await KnowledgeRows(session, self._reader).those(list(hits))
        near = [
            Neighbour(item_id=item_id, title=row.title, category=row.category, score=max(-1.0, min(1.0, hit.score)))
            for item_id, hit in hits.items()
            if item_id != without and (row := rows.get(item_id)) is not None
        ]
        return near[:most]

    async def tags_of(self, ids: Sequence[uuid.UUID]) -> dict[uuid.UUID, list[str]]:
        async with self._database.session() as session:
            return {item_id: row.tags for item_id, row in (await KnowledgeRows(session, self._reader).those(ids)).items()}

    async def embed_again(self, body: EmbeddingsBody) -> Queued:
        """Raises NotFound where one of those named may not be seen; those that may only be read are left as they are."""
        model, now, count = await lasting(self._asking.parts.gateway), datetime.now(UTC), 0
        async with self._database.session() as session:
            rows = KnowledgeRows(session, self._reader)
            ids = body.item_ids or await rows.changeable_ids(EMBEDDED_AT_ONCE)
            for item_id in sorted(set(ids)):
                found = await rows.get(item_id, lock=True)
                if found is None:
                    raise NotFound(f"There is no item {item_id} that you may see; nothing was done.")
                if found[1]:
                    found[0].revision, found[0].not_before, count = found[0].revision + 1, now, count + 1
        return Queued(model=model, items=count)

    async def _hits(self, model: str, text: str, mode: SearchMode, threshold: float, limit: int, narrow: Narrow) -> dict[uuid.UUID, Hit]:
        """The best hit of each item, in the order of the hits."""
        found = await self._asking.embed([text], model)
        async with self._database.session() as session:
            teams = await KnowledgeRows(session, self._reader).my_teams()
        wanted: dict[str, tuple[Attribute, ...]] = {
            name: (value,) for name, value in (("category", narrow.category), ("kind", narrow.kind)) if value is not None
        }
        most = min(limit * CHUNKS_PER_ITEM, self._asking.parts.settings.vectors.results_per_search)
        query = SearchQuery(
            mode,
            found.vectors[0],
            text if mode == "hybrid" else "",
            Filters(collections=(COLLECTION,), tags=keys(self._reader, teams), attributes=wanted),
            limit=most,
            candidates=most,
            thresholds=Thresholds(dense=threshold),
        )
        try:
            hits = await self._asking.parts.vectors.search(str(self._reader.organisation_id), space_of(model, found), query)
        except NotFound:
            # Nothing was ever indexed.
            return {}
        best = dict[uuid.UUID, Hit]()
        for hit in hits:
            best.setdefault(uuid.UUID(hit.chunk.document), hit)
        return best
