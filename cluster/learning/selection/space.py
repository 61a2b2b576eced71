"""Distances and clusters of texts, by their vectors of length 1.

Distance is 1 less the cosine, cut to 0..1. Clusters are those of spherical k-means, begun as k-means++ begins (Arthur & Vassilvitskii
2007), which is also how BADGE spreads its batches (Ash et al., ICLR 2020). scikit-learn's KMeans knows Euclidean distance only, and the API
needs it for nothing else.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
ROUNDS = 10


def distances(vectors: Vectors, others: Vectors) -> Floats:
    """Of each of ``vectors`` to its nearest of ``others``: 1 where there are none."""
    if not len(others) or not len(vectors):
        return np.ones(len(vectors))
    return np.asarray(np.clip(1.0 - (vectors @ others.T).max(axis=1), 0.0, 1.0), dtype=np.float64)


def clusters(vectors: Vectors, seed: int, count: int | None = None) -> npt.NDArray[np.int64]:
    """The number of each vector's cluster. Without ``count`` there are as many as the root of half of the vectors."""
    wanted = count or max(1, round(math.sqrt(len(vectors) / 2)))
    if len(vectors) <= wanted:
        return np.arange(len(vectors))
    centres = _spread(vectors, wanted, np.random.default_rng(seed))
    nearest = (vectors @ centres.T).argmax(axis=1)
    for _ in range(ROUNDS):
        for number in np.unique(nearest):
            mean = vectors[nearest == number].sum(axis=0)
            centres[number] = mean / max(float(np.linalg.norm(mean)), 1e-9)
        before, nearest = nearest, (vectors @ centres.T).argmax(axis=1)
        if np.array_equal(before, nearest):
            break
    return np.asarray(nearest, dtype=np.int64)


def shares(members: npt.NDArray[np.int64]) -> Floats:
    """For each vector the share of all that are in its cluster."""
    _, which, counts = np.unique(members, return_inverse=True, return_counts=True)
    return np.asarray(counts[which] / max(1, len(members)), dtype=np.float64)


def _spread(vectors: Vectors, count: int, random: np.random.Generator) -> Vectors:
    """First one at random, then each with a chance by the square of its distance to those that are there."""
    chosen = [int(random.integers(len(vectors)))]
    while len(chosen) < count:
        far = distances(vectors, vectors[chosen]) ** 2
        total = far.sum()
        chosen.append(int(random.choice(len(vectors), p=far / total) if total > 0 else random.integers(len(vectors))))
    return vectors[chosen].copy()
