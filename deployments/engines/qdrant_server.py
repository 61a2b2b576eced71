"""One index on a Qdrant server: what qdrant_edge.py does on disk, over HTTP.

An index is a collection whose name begins with ``vectors.server_prefix``; what it is of stands in its metadata. Acknowledged writes are in
the server's write-ahead log. (Source of the calls: Qdrant's REST API of 1.17, as the official client has it; older servers know neither a
collection's metadata nor a corpus for the IDF.)
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

from qdrant_client import AsyncQdrantClient, models
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from cluster.contracts.retrieval import ChunkRecord, Filters, PartName, Point, Scrolled, SearchQuery, Space, SpaceState
from cluster.errors import BadInput, EngineError, Unavailable
from cluster.settings import VectorSettings
from deployments.engines.qdrant_facts import Facts, folder_name
from deployments.engines.qdrant_parts import (
    BUILD_WIDTH,
    DENSE,
    FULL_SCAN_KB,
    LINKS,
    OVERSAMPLING,
    QUANTILE,
    SPARSE,
    Asked,
    Candidate,
    Prepared,
    Preparing,
    Words,
    candidate,
    is_id,
)
from deployments.engines.qdrant_scope import INDEXES, Condition, Scope, Selection, chunk_of

TENANT = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD, is_tenant=True)
KINDS: Mapping[str, Any] = {"tenant": TENANT, "keyword": models.PayloadSchemaType.KEYWORD}
# Of the server's answers, those that another try may change.
PASSING = frozenset({429, 500, 502, 503, 504})
CONFLICT, NOT_FOUND = 409, 404


class IndexGone(EngineError):
    """Somebody deleted the collection on the server."""


@dataclass(frozen=True, slots=True)
class RemoteSpace:
    """The index of one space. Every call raises Unavailable while the server is away, IndexGone when it was deleted there, EngineError when
    it refuses."""

    client: AsyncQdrantClient
    name: str
    facts: Facts
    preparing: Preparing
    width: int

    async def state(self) -> SpaceState:
        async with _errors("look at the index"):
            info = await self.client.get_collection(self.name)
        building = info.status == models.CollectionStatus.YELLOW
        return SpaceState(self.facts.space, info.points_count or 0, info.indexed_vectors_count or 0, building)

    async def upsert(self, scope: Scope, points: Sequence[Point]) -> int:
        """All checked before the first is sent."""
        prepared = [_written(self.preparing.point(scope, point)) for point in points]
        async with _errors("write"):
            await self.client.upsert(self.name, points=prepared, wait=True)
        return len(prepared)

    async def delete(self, selection: Selection) -> int:
        there = await self.count(selection)
        if there:
            async with _errors("delete"):
                await self.client.delete(self.name, points_selector=models.FilterSelector(filter=_filter(selection)), wait=True)
        return there

    async def count(self, selection: Selection) -> int:
        async with _errors("count"):
            return (await self.client.count(self.name, count_filter=_filter(selection), exact=True)).count

    async def search(self, scope: Scope, query: SearchQuery) -> dict[PartName, list[Candidate]]:
        """Candidates of each part that the query's mode has, the best first; all of them in one request."""
        parts = self.preparing.parts(query)
        if not parts:
            return {}
        requests = [self._request(name, asked, scope, query) for name, asked in parts.items()]
        async with _errors("search"):
            answers = await self.client.query_batch_points(self.name, requests=requests)
        found = [[candidate(point.id, point.score, point.vector) for point in answer.points] for answer in answers]
        return dict(zip(parts, found, strict=True))

    async def chunks(self, scope: Scope, ids: Sequence[str]) -> dict[str, ChunkRecord]:
        """What stands under ids that a search of ``scope`` gave, less what was deleted since."""
        if not ids:
            return {}
        async with _errors("read"):
            records = await self.client.retrieve(self.name, ids=list(ids), with_payload=True)
        return {str(record.id): chunk_of(record.payload or {}, scope) for record in records}

    async def scroll(self, scope: Scope, filters: Filters, after: str | None, limit: int) -> Scrolled:
        if after is not None and not is_id(after):
            raise BadInput("'after' is no place in a list; take 'next' of the page before.").about("after")
        within = _filter(scope.select(filters))
        async with _errors("scroll"):
            records, following = await self.client.scroll(self.name, scroll_filter=within, limit=limit, offset=after, with_payload=True)
        chunks = tuple(chunk_of(record.payload or {}, scope) for record in records)
        return Scrolled(chunks, None if following is None else str(following))

    def _request(self, name: PartName, asked: Asked, scope: Scope, query: SearchQuery) -> models.QueryRequest:
        rescored = models.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
        params = {
            DENSE: models.SearchParams(hnsw_ef=self.width, quantization=rescored),
            SPARSE: models.SearchParams(idf=models.IdfCorpusParams(corpus=_filter(scope.corpus(query.filters)))),
        }
        return models.QueryRequest(
            query=asked.dense if asked.sparse is None else _sparse(asked.sparse),
            using=name,
            filter=_filter(scope.select(query.filters)),
            limit=asked.limit,
            score_threshold=asked.threshold,
            params=params[name],
            with_payload=False,
            with_vector=[DENSE] if query.diversity is not None else False,
        )


async def spaces_of(client: AsyncQdrantClient, settings: VectorSettings) -> list[RemoteSpace]:
    """All indexes on the server that are ours."""
    async with _errors("list indexes"):
        names = [one.name for one in (await client.get_collections()).collections if one.name.startswith(_prefix(settings))]
        return [await _found(client, name, settings) for name in sorted(names)]


async def make_space(client: AsyncQdrantClient, space: Space, settings: VectorSettings) -> RemoteSpace:
    """A new, empty index; the one that is there where another was first."""
    name = f"{_prefix(settings)}{folder_name(space)}"
    hnsw = models.HnswConfigDiff(m=LINKS, ef_construct=BUILD_WIDTH, full_scan_threshold=FULL_SCAN_KB, payload_m=LINKS)
    quantised = models.ScalarQuantizationConfig(type=models.ScalarType.INT8, quantile=QUANTILE, always_ram=True)
    async with _errors("make an index"):
        try:
            await client.create_collection(
                name,
                vectors_config={DENSE: models.VectorParams(size=space.dimensions, distance=models.Distance.COSINE)},
                sparse_vectors_config={SPARSE: models.SparseVectorParams(modifier=models.Modifier.IDF)},
                hnsw_config=hnsw,
                quantization_config=models.ScalarQuantization(scalar=quantised),
                metadata={
                    "model": space.model,
                    "variant": space.variant,
                    "dimensions": space.dimensions,
                    "language": settings.keyword_language,
                },
            )
        except UnexpectedResponse as error:
            if error.status_code != CONFLICT:
                raise
        # Whoever was first may have been killed before its last field.
        for field, kind in INDEXES.items():
            await client.create_payload_index(name, field_name=field, field_schema=KINDS[kind], wait=True)
        # As it is there: the language of its keywords is that of whoever was first.
        return await _found(client, name, settings)


def _prefix(settings: VectorSettings) -> str:
    return f"{settings.server_prefix}-"


def _facts(metadata: Mapping[str, Any]) -> Facts:
    try:
        return Facts(Space(metadata["model"], metadata["variant"], metadata["dimensions"]), metadata["language"])
    except KeyError:
        raise EngineError("A collection on the Qdrant server is called as ours are, and is not ours (see vectors.server_prefix).") from None


async def _found(client: AsyncQdrantClient, name: str, settings: VectorSettings) -> RemoteSpace:
    facts = _facts((await client.get_collection(name)).config.metadata or {})
    return RemoteSpace(client, name, facts, Preparing(facts), settings.search_width)


def _filter(selection: Selection) -> models.Filter:
    return models.Filter(must=[_field(one) for one in selection.must], must_not=[_field(one) for one in selection.must_not])


def _field(condition: Condition) -> models.FieldCondition:
    wanted: Any = list(condition.values)
    return models.FieldCondition(key=condition.key, match=models.MatchAny(any=wanted))


def _written(point: Prepared) -> models.PointStruct:
    vectors: dict[str, Any] = {DENSE: point.dense, SPARSE: _sparse(point.sparse) if point.sparse is not None else None}
    given = {name: vector for name, vector in vectors.items() if vector is not None}
    return models.PointStruct(id=str(point.id), vector=given, payload=point.payload)


def _sparse(words: Words) -> models.SparseVector:
    return models.SparseVector(indices=words.indices, values=words.values)


@asynccontextmanager
async def _errors(what: str) -> AsyncIterator[None]:
    """The client's own exceptions as ours."""
    try:
        yield
    except ResponseHandlingException as error:
        raise Unavailable(f"The Qdrant server does not answer ({error}); retry in 5 s.") from error
    except UnexpectedResponse as error:
        if error.status_code in PASSING:
            raise Unavailable(f"The Qdrant server could not {what} (status {error.status_code}); retry in 5 s.") from error
        if error.status_code == NOT_FOUND:
            raise IndexGone(f"The Qdrant server could not {what}: its collection is gone; send the request again.") from error
        raise EngineError(f"The Qdrant server would not {what}: {error}") from error
    except ApiException as error:
        raise EngineError(f"The Qdrant server could not {what}: {error}") from error
