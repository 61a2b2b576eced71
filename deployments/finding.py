"""A search of one index: its parts, their fusion, and what is said of each hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cluster.contracts.retrieval import Diversity, Hit, PartName, PartScore, SearchQuery
from deployments.engines.qdrant_edge import Candidate, Shard
from deployments.engines.qdrant_scope import Scope
from deployments.fusion import marginal_relevance, reciprocal_ranks

Parts = Mapping[PartName, Sequence[Candidate]]


def find(shard: Shard, scope: Scope, query: SearchQuery) -> tuple[Hit, ...]:
    """The hits of ``query``, best first. Texts are read only of what is returned."""
    parts = shard.search(scope, query)
    scores = _scores(parts, query)
    if query.thresholds.fused is not None and query.mode == "hybrid":
        scores = {one: score for one, score in scores.items() if score >= query.thresholds.fused}
    chosen = _chosen(scores, parts, query)
    said = _said(parts)
    chunks = shard.chunks(scope, chosen)
    return tuple(Hit(chunk, scores[one], said[one], _reason(said[one], query.diversity)) for one, chunk in zip(chosen, chunks, strict=True))


def _scores(parts: Parts, query: SearchQuery) -> dict[str, float]:
    if query.mode == "hybrid":
        lists: dict[str, list[str]] = {name: [one.id for one in found] for name, found in parts.items()}
        return reciprocal_ranks(lists, query.rrf_k, {"dense": query.dense_weight, "sparse": query.sparse_weight})
    return {one.id: one.score for found in parts.values() for one in found}


def _chosen(scores: Mapping[str, float], parts: Parts, query: SearchQuery) -> list[str]:
    ids = list(scores)
    if query.diversity is None:
        return ids[: query.limit]
    vectors = {one.id: one.vector for found in parts.values() for one in found}
    order = marginal_relevance([scores[one] for one in ids], [vectors[one] for one in ids], query.diversity.weight, query.limit)
    return [ids[position] for position in order]


def _said(parts: Parts) -> dict[str, tuple[PartScore, ...]]:
    said: dict[str, tuple[PartScore, ...]] = {}
    for name, found in parts.items():
        for rank, one in enumerate(found, start=1):
            said[one.id] = (*said.get(one.id, ()), PartScore(name, one.score, rank))
    return said


def _reason(parts: Sequence[PartScore], diversity: Diversity | None) -> str:
    found = " and ".join(f"{_MEANING[part.part]} (rank {part.rank}, {part.score:.3f})" for part in parts)
    return f"Found by {found}" + ("; chosen for being unlike the hits before it." if diversity is not None else ".")


_MEANING: Mapping[PartName, str] = {"dense": "meaning", "sparse": "words", "rerank": "reading it with the question"}
