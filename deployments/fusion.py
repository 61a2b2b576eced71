"""From ranked lists to one: reciprocal rank fusion, and maximal marginal relevance. Pure functions."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import TypeVar

import numpy as np

from cluster.contracts.retrieval import Vector

KeyT = TypeVar("KeyT", bound=Hashable)


def reciprocal_ranks(lists: Mapping[str, Sequence[KeyT]], k: int, weights: Mapping[str, float]) -> dict[KeyT, float]:
    """Each item's sum of ``weight / (k + rank)`` over the lists it is in, ranks from 1; the best first, ties in the order of the lists.

    Source: Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", SIGIR 2009,
    where k is 60. Only ranks count, so cosines and BM25 scores need no common scale.
    """
    sums: dict[KeyT, float] = {}
    for name, items in lists.items():
        for rank, item in enumerate(items, start=1):
            sums[item] = sums.get(item, 0.0) + weights.get(name, 1.0) / (k + rank)
    return dict(sorted(sums.items(), key=lambda pair: -pair[1]))


def marginal_relevance(scores: Sequence[float], vectors: Sequence[Vector | None], weight: float, limit: int) -> list[int]:
    """Positions of at most ``limit`` items, each the best of the rest by ``weight`` x relevance - (1 - ``weight``) x its greatest cosine
    to one that was chosen before. Relevance is the score as a share of the best one, so that it is comparable to a cosine; an item without
    a vector is like no other.

    Source: Carbonell and Goldstein, "The Use of MMR, Diversity-Based Reranking for Reordering Documents and Producing Summaries",
    SIGIR 1998.
    """
    relevance = _scaled(np.asarray(scores, dtype=np.float64))
    likeness = _cosines(vectors)
    nearest = np.zeros(len(relevance))
    chosen: list[int] = []
    left = np.ones(len(relevance), dtype=bool)
    for _ in range(min(limit, len(relevance))):
        gain = np.where(left, weight * relevance - (1 - weight) * nearest, -np.inf)
        best = int(gain.argmax())
        chosen.append(best)
        left[best] = False
        nearest = np.maximum(nearest, likeness[best])
    return chosen


def _scaled(scores: np.ndarray[tuple[int], np.dtype[np.float64]]) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    best = scores.max(initial=0.0)
    return scores / best if best > 0 else scores


def _cosines(vectors: Sequence[Vector | None]) -> np.ndarray[tuple[int, int], np.dtype[np.float64]]:
    size = next((len(vector) for vector in vectors if vector is not None), 1)
    rows = np.array([np.zeros(size) if vector is None else vector for vector in vectors], dtype=np.float64).reshape(len(vectors), size)
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
    return np.asarray(rows @ rows.T)
