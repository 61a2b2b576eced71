"""One index on disk by Qdrant Edge: dense vectors, keywords (BM25) and payloads of one space.

Every call holds the GIL while it works (a few milliseconds; making an approximate index would take a minute and is done by
``qdrant_index.py`` in a process of its own). Synchronous, for one thread. A shard is open once: Qdrant's write-ahead log refuses a second.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import qdrant_edge as qdrant

from cluster.contracts.retrieval import ChunkRecord, Filters, PartName, Point, Scrolled, SearchQuery, Space
from cluster.errors import BadInput, EngineError, HearthError
from deployments.engines.qdrant_facts import Facts
from deployments.engines.qdrant_keywords import keywords
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

KINDS: Mapping[str, Any] = {"tenant": qdrant.KeywordIndexParams(is_tenant=True), "keyword": qdrant.PayloadSchemaType.Keyword}


class Shard:
    """An open index. Made by :func:`create` or :func:`open_shard`."""

    def __init__(self, shard: qdrant.EdgeShard, facts: Facts, width: int) -> None:
        self.facts = facts
        self._shard = shard
        self._preparing = Preparing(facts)
        self._exact = qdrant.SearchParams(exact=True)
        self._approximate = qdrant.SearchParams(
            hnsw_ef=width, quantization=qdrant.QuantizationSearchParams(rescore=True, oversampling=OVERSAMPLING)
        )

    @property
    def points(self) -> int:
        """How many there are, of all organisations."""
        return int(self._shard.count(qdrant.CountRequest(exact=True)))

    def prepare(self, scope: Scope, points: Sequence[Point]) -> list[qdrant.Point]:
        """Points as :meth:`write` takes them, all checked. Raises BadInput for one that cannot be written."""
        return [_written(self._preparing.point(scope, point)) for point in points]

    def write(self, points: list[qdrant.Point]) -> None:
        """Over those of the same id; on disk only after :meth:`flush`."""
        with _engine_errors("write"):
            self._shard.update(qdrant.UpdateOperation.upsert_points(points))

    def delete(self, selection: Selection) -> int:
        """Deletes what a scope selects; how many there were."""
        within = _filter(selection)
        with _engine_errors("delete"):
            there = self._shard.count(qdrant.CountRequest(exact=True, filter=within))
            if there:
                self._shard.update(qdrant.UpdateOperation.delete_points_by_filter(within))
        return there

    def flush(self) -> None:
        """Returns when everything written is on disk, power failure included."""
        with _engine_errors("flush"):
            self._shard.flush()

    def search(self, scope: Scope, query: SearchQuery) -> dict[PartName, list[Candidate]]:
        """Candidates of each part that the query's mode has, the best first; all of them in one pass."""
        requests = self._requests(scope, query)
        if not requests:
            return {}
        with _engine_errors("search"):
            answers = self._shard.query_batch(qdrant.QueryBatchRequest(list(requests.values())))
        found = [[candidate(point.id, point.score, point.vector) for point in answer] for answer in answers]
        return dict(zip(requests, found, strict=True))

    def chunks(self, scope: Scope, ids: Sequence[str]) -> dict[str, ChunkRecord]:
        """What stands under ids that a search of ``scope`` gave."""
        with _engine_errors("read"):
            records = self._shard.retrieve(list(ids), True, False)
        return {str(record.id): chunk_of(record.payload or {}, scope) for record in records}

    def scroll(self, scope: Scope, filters: Filters, after: str | None, limit: int) -> Scrolled:
        if after is not None and not is_id(after):
            raise BadInput("'after' is no place in a list; take 'next' of the page before.").about("after")
        with _engine_errors("scroll"):
            records, following = self._shard.scroll(
                qdrant.ScrollRequest(offset=after, limit=limit, filter=_filter(scope.select(filters)), with_payload=True)
            )
        return Scrolled(tuple(chunk_of(record.payload or {}, scope) for record in records), None if following is None else str(following))

    def count(self, scope: Scope, filters: Filters) -> int:
        with _engine_errors("count"):
            return self._shard.count(qdrant.CountRequest(exact=True, filter=_filter(scope.select(filters))))

    def ids(self, selection: Selection, page: int = 4096) -> Iterator[str]:
        """Of everything that a scope selects."""
        after = None
        while True:
            request = qdrant.ScrollRequest(offset=after, limit=page, filter=_filter(selection), with_payload=False, with_vector=False)
            records, after = self._shard.scroll(request)
            yield from (str(record.id) for record in records)
            if after is None:
                return

    def copy_to(self, other: Shard, ids: Sequence[str]) -> None:
        """Makes points ``ids`` of ``other`` what they are here, deletion included."""
        with _engine_errors("copy"):
            here = self._shard.retrieve(list(ids), True, True)
            points = [qdrant.Point(record.id, record.vector or {}, record.payload) for record in here]
            if points:
                other._shard.update(qdrant.UpdateOperation.upsert_points(points))
            missing = sorted(set(ids) - {str(record.id) for record in here})
            if missing:
                other._shard.update(qdrant.UpdateOperation.delete_points(list(missing)))

    def close(self) -> None:
        self._shard.close()

    def _requests(self, scope: Scope, query: SearchQuery) -> dict[PartName, qdrant.QueryRequest]:
        within, corpus = _filter(scope.select(query.filters)), _filter(scope.corpus(query.filters))
        params = {
            DENSE: self._approximate if self.facts.indexed else self._exact,
            SPARSE: qdrant.SearchParams(idf=qdrant.IdfParams(corpus)),
        }
        return {
            name: qdrant.QueryRequest(
                limit=asked.limit,
                query=qdrant.Query.Nearest(_vector(asked), using=name),
                filter=within,
                with_payload=False,
                with_vector=[DENSE] if query.diversity is not None else False,
                score_threshold=asked.threshold,
                params=params[name],
            )
            for name, asked in self._preparing.parts(query).items()
        }


def create(folder: Path, facts: Facts, width: int) -> Shard:
    """A new, empty index in ``folder``, where nothing is yet."""
    keywords(facts.language)  # refused before anything is made
    folder.mkdir(mode=0o700)
    with _engine_errors("make"):
        shard = qdrant.EdgeShard.create(str(folder), _config(facts.space))
        for field, kind in INDEXES.items():
            shard.update(qdrant.UpdateOperation.create_field_index(field, KINDS[kind]))
        shard.flush()
    facts.write(folder)
    return Shard(shard, facts, width)


def open_shard(folder: Path, width: int) -> Shard:
    facts = Facts.read(folder)
    with _engine_errors("open"):
        return Shard(qdrant.EdgeShard.load(str(folder)), facts, width)


def build_index(folder: Path, threads: int) -> None:
    """Makes the approximate index of everything in ``folder``: HNSW over int8 vectors. Takes seconds to minutes and holds the GIL."""
    facts = Facts.read(folder)
    config = _config(
        facts.space,
        # payload_m: a graph for each organisation too.
        hnsw_config=qdrant.HnswIndexConfig(
            m=LINKS, ef_construct=BUILD_WIDTH, full_scan_threshold=FULL_SCAN_KB, max_indexing_threads=threads, payload_m=LINKS
        ),
        quantization_config=qdrant.ScalarQuantizationConfig(type=qdrant.ScalarType.Int8, quantile=QUANTILE, always_ram=True),
        optimizers=qdrant.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1000),
    )
    with _engine_errors("build"):
        shard = qdrant.EdgeShard.load(str(folder), config)
        shard.optimize()
        shard.flush()
        points = int(shard.info().points_count)
        shard.close()
    Facts(facts.space, facts.language, points).write(folder)


def _config(space: Space, **others: object) -> qdrant.EdgeConfig:
    return qdrant.EdgeConfig(
        vectors={DENSE: qdrant.EdgeVectorParams(size=space.dimensions, distance=qdrant.Distance.Cosine)},
        sparse_vectors={SPARSE: qdrant.EdgeSparseVectorParams(modifier=qdrant.Modifier.Idf)},
        max_search_threads=1,
        **others,  # type: ignore[arg-type]
    )


def _filter(selection: Selection) -> qdrant.Filter:
    return qdrant.Filter(must=[_field(one) for one in selection.must], must_not=[_field(one) for one in selection.must_not])


def _field(condition: Condition) -> qdrant.FieldCondition:
    wanted: Any = list(condition.values)
    match: Any = qdrant.MatchValue(wanted[0]) if len(wanted) == 1 else qdrant.MatchAny(wanted)
    return qdrant.FieldCondition(key=condition.key, match=match)


def _written(point: Prepared) -> qdrant.Point:
    vectors: dict[str, Any] = {DENSE: point.dense, SPARSE: _sparse(point.sparse) if point.sparse is not None else None}
    return qdrant.Point(point.id, {name: vector for name, vector in vectors.items() if vector is not None}, point.payload)


def _vector(asked: Asked) -> Any:
    return asked.dense if asked.sparse is None else _sparse(asked.sparse)


def _sparse(words: Words) -> qdrant.SparseVector:
    return qdrant.SparseVector(words.indices, words.values)


@contextmanager
def _engine_errors(what: str) -> Iterator[None]:
    """Qdrant raises bare exceptions with a message."""
    try:
        yield
    except HearthError:
        raise
    except Exception as error:
        raise EngineError(f"The index could not {what}: {error}") from error
