"""A search of one index: its parts, their fusion, and what is said of each hit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cluster.contracts.retrieval import ChunkRecord, Diversity, Hit, PartName, PartScore, SearchQuery
from deployments.engines.qdrant_parts import Candidate
from deployments.fusion import marginal_relevance, reciprocal_ranks

Parts = Mapping[PartName, Sequence[Candidate]]


@dataclass(frozen=True, slots=True)
class Choice:
    """``ids`` of what is returned, the best first: only of these the texts need be read."""

    ids: Sequence[str]
    scores: Mapping[str, float]
    said: Mapping[str, tuple[PartScore, ...]]
    diversity: Diversity | None

    def hits(self, chunks: Mapping[str, ChunkRecord]) -> tuple[Hit, ...]:
        """``chunks``: what stands under ``ids``; what was deleted meanwhile is left out."""
        return tuple(
            Hit(chunks[one], self.scores[one], self.said[one], _reason(self.said[one], self.diversity)) for one in self.ids if one in chunks
        )


def choose(parts: Parts, query: SearchQuery) -> Choice:
    """What a search comes to whose parts found these candidates."""
    scores = _scores(parts, query)
    if query.thresholds.fused is not None and query.mode == "hybrid":
        scores = {one: score for one, score in scores.items() if score >= query.thresholds.fused}
    return Choice(_chosen(scores, parts, query), scores, _said(parts), query.diversity)


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
