"""One index on disk by Qdrant Edge: dense vectors, keywords (BM25) and payloads of one space.

Every call holds the GIL while it works (a few milliseconds; making an approximate index would take a minute and is done by
``qdrant_index.py`` in a process of its own). Synchronous, for one thread. A shard is open once: Qdrant's write-ahead log refuses a second.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import qdrant_edge as qdrant

from cluster.contracts.retrieval import ChunkRecord, Filters, PartName, Point, Scrolled, SearchQuery, Space, Vector
from cluster.errors import BadInput, EngineError, HearthError
from deployments.engines.qdrant_facts import Facts
from deployments.engines.qdrant_keywords import keywords
from deployments.engines.qdrant_scope import INDEXES, Scope, check_chunk, chunk_of, payload_of

DENSE: Final = "dense"
SPARSE: Final = "sparse"
# Quantised vectors choose this many times what is asked for, and the exact ones decide among them.
OVERSAMPLING = 2.0
# Of the graph: links of a point, and candidates while it is built. With Qdrant's own 16 and 100, and 128 while searching, one in ten of the
# true nearest was missed among 100,000.
LINKS, BUILD_WIDTH = 24, 200


@dataclass(frozen=True, slots=True)
class Candidate:
    """What one part found. ``vector`` only where it was asked for."""

    id: str
    score: float
    vector: Vector | None


class Shard:
    """An open index. Made by :func:`create` or :func:`open_shard`."""

    def __init__(self, shard: qdrant.EdgeShard, facts: Facts, width: int) -> None:
        self.facts = facts
        self._shard = shard
        self._words = keywords(facts.language)
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
        return [self._point(scope, point) for point in points]

    def write(self, points: list[qdrant.Point]) -> None:
        """Over those of the same id; on disk only after :meth:`flush`."""
        with _engine_errors("write"):
            self._shard.update(qdrant.UpdateOperation.upsert_points(points))

    def delete(self, filter: qdrant.Filter) -> int:  # noqa: A002 - Qdrant's word
        """Deletes what matches a filter of a scope; how many there were."""
        with _engine_errors("delete"):
            there = self._shard.count(qdrant.CountRequest(exact=True, filter=filter))
            if there:
                self._shard.update(qdrant.UpdateOperation.delete_points_by_filter(filter))
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
        return {part: [_candidate(point) for point in found] for part, found in zip(requests, answers, strict=True)}

    def chunks(self, scope: Scope, ids: Sequence[str]) -> list[ChunkRecord]:
        """What stands under ids that a search of ``scope`` gave, in their order."""
        with _engine_errors("read"):
            records = self._shard.retrieve(list(ids), True, False)
        found = {str(record.id): chunk_of(record.payload or {}, scope) for record in records}
        return [found[one] for one in ids]

    def scroll(self, scope: Scope, filters: Filters, after: str | None, limit: int) -> Scrolled:
        if after is not None and not _is_id(after):
            raise BadInput("'after' is no place in a list; take 'next' of the page before.").about("after")
        with _engine_errors("scroll"):
            records, following = self._shard.scroll(
                qdrant.ScrollRequest(offset=after, limit=limit, filter=scope.filter(filters), with_payload=True)
            )
        return Scrolled(tuple(chunk_of(record.payload or {}, scope) for record in records), None if following is None else str(following))

    def count(self, scope: Scope, filters: Filters) -> int:
        with _engine_errors("count"):
            return self._shard.count(qdrant.CountRequest(exact=True, filter=scope.filter(filters)))

    def ids(self, filter: qdrant.Filter, page: int = 4096) -> Iterator[str]:  # noqa: A002
        """Of everything that matches a filter of a scope."""
        after = None
        while True:
            request = qdrant.ScrollRequest(offset=after, limit=page, filter=filter, with_payload=False, with_vector=False)
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

    def _point(self, scope: Scope, point: Point) -> qdrant.Point:
        chunk = point.chunk
        check_chunk(chunk, scope, self.facts.space)
        vectors: dict[str, Any] = {}
        if point.vector is not None:
            vectors[DENSE] = self._numbers(point.vector, f"Chunk {chunk.number} of '{chunk.document}'")
        try:
            words = self._words.embed_document(chunk.text) if point.keywords else None
        except UnicodeEncodeError:
            raise BadInput(f"Chunk {chunk.number} of '{chunk.document}' is not valid Unicode (a lone surrogate); clean the text.") from None
        if words is not None and words.indices:
            vectors[SPARSE] = words
        return qdrant.Point(scope.point_id(chunk.document, chunk.number), vectors, payload_of(chunk, scope))

    def _numbers(self, vector: Vector, what: str) -> list[float]:
        space = self.facts.space
        if vector.shape != (space.dimensions,):
            raise BadInput(
                f"{what} has a vector of shape {vector.shape}; '{space.model}' ({space.variant}) has {space.dimensions} numbers."
            )
        if not np.isfinite(vector).all() or not vector.any():
            raise BadInput(f"{what} has a vector of zeros, or with infinite or undefined numbers, which is like nothing.")
        return [float(number) for number in vector]

    def _requests(self, scope: Scope, query: SearchQuery) -> dict[PartName, qdrant.QueryRequest]:
        limit = max(query.candidates, query.limit) if query.mode == "hybrid" or query.diversity else query.limit
        within = scope.filter(query.filters)
        diverse = [DENSE] if query.diversity is not None else False
        requests: dict[PartName, qdrant.QueryRequest] = {}
        if query.mode != SPARSE:
            if query.vector is None:
                raise BadInput(f"A {query.mode} search needs the question's vector; embed it with '{self.facts.space.model}'.")
            requests[DENSE] = qdrant.QueryRequest(
                limit=limit,
                query=qdrant.Query.Nearest(self._numbers(query.vector, "The question"), using=DENSE),
                filter=within,
                with_payload=False,
                with_vector=diverse,
                score_threshold=query.thresholds.dense,
                params=self._approximate if self.facts.indexed else self._exact,
            )
        words = self._question(query.text) if query.mode != DENSE else None
        if words is not None:
            requests[SPARSE] = qdrant.QueryRequest(
                limit=limit,
                query=qdrant.Query.Nearest(words, using=SPARSE),
                filter=within,
                with_payload=False,
                with_vector=diverse,
                score_threshold=query.thresholds.sparse,
                params=qdrant.SearchParams(idf=qdrant.IdfParams(scope.corpus(query.filters))),
            )
        return requests

    def _question(self, text: str) -> qdrant.SparseVector | None:
        """None when no word of it is indexed."""
        if not text.strip():
            raise BadInput("A search for words needs the question's text.")
        try:
            words = self._words.embed_query(text)
        except UnicodeEncodeError:
            raise BadInput("The question is not valid Unicode (a lone surrogate); clean the text.") from None
        return words if words.indices else None


def create(folder: Path, facts: Facts, width: int) -> Shard:
    """A new, empty index in ``folder``, where nothing is yet."""
    keywords(facts.language)  # refused before anything is made
    folder.mkdir(mode=0o700)
    with _engine_errors("make"):
        shard = qdrant.EdgeShard.create(str(folder), _config(facts.space))
        for field, kind in INDEXES.items():
            shard.update(qdrant.UpdateOperation.create_field_index(field, kind))
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
        # full_scan_threshold in KB: what a filter leaves below it is compared exactly. payload_m: a graph for each organisation too.
        hnsw_config=qdrant.HnswIndexConfig(
            m=LINKS, ef_construct=BUILD_WIDTH, full_scan_threshold=10_000, max_indexing_threads=threads, payload_m=LINKS
        ),
        quantization_config=qdrant.ScalarQuantizationConfig(type=qdrant.ScalarType.Int8, quantile=0.99, always_ram=True),
        optimizers=qdrant.EdgeOptimizersConfig(default_segment_number=1, indexing_threshold=1000),
    )
    with _engine_errors("build"):
        shard = qdrant.EdgeShard.load(str(folder), config)
        shard.optimize()
        shard.flush()
        points = int(shard.info().points_count)
        shard.close()
    Facts(facts.space, facts.language, points).write(folder)


def _is_id(text: str) -> bool:
    try:
        return str(uuid.UUID(text)) == text
    except ValueError:
        return False


def _config(space: Space, **others: object) -> qdrant.EdgeConfig:
    return qdrant.EdgeConfig(
        vectors={DENSE: qdrant.EdgeVectorParams(size=space.dimensions, distance=qdrant.Distance.Cosine)},
        sparse_vectors={SPARSE: qdrant.EdgeSparseVectorParams(modifier=qdrant.Modifier.Idf)},
        max_search_threads=1,
        **others,  # type: ignore[arg-type]
    )


def _candidate(point: qdrant.ScoredPoint) -> Candidate:
    vectors = point.vector if isinstance(point.vector, dict) else {}
    dense = vectors.get(DENSE)
    vector = np.asarray(dense, dtype=np.float32) if dense is not None else None
    return Candidate(str(point.id), float(point.score), vector)


@contextmanager
def _engine_errors(what: str) -> Iterator[None]:
    """Qdrant raises bare exceptions with a message."""
    try:
        yield
    except HearthError:
        raise
    except Exception as error:
        raise EngineError(f"The index could not {what}: {error}") from error
