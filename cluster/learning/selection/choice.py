"""The choice of samples: one after the other, each time the best by the score, in which the distance to those chosen before is a part.

With the weight of diversity alone this is the greedy k-centre of core-sets (Sener & Savarese, "Active Learning for Convolutional Neural
Networks: A Core-Set Approach", ICLR 2018), whose largest distance from any candidate to the chosen is at most twice the best possible. With
uncertainty it does what BADGE does (Ash et al., ICLR 2020), unsure and different from each other, without the gradients of the last layer,
which an engine that serves does not give.

The parts, all in 0..1:

- uncertainty: mean of what was measured (entropy, doubt, disagreement), each as the rank among the candidates, so that it weighs the same
  whether a model is sure of most or of nothing;
- diversity: distance to the nearest of those chosen before, and of those already waiting for a label;
- novelty: distance to the nearest that was trained;
- value: share of the traffic that is in its cluster, as a part of the largest share.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from cluster.learning.selection.space import Floats, Vectors, clusters, distances, shares
from cluster.learning.selection.weights import Strategy, Weights


@dataclass(frozen=True, slots=True)
class Candidates:
    """``vectors``: one of length 1 for each. ``measured``: by name of the measure, one number for each, NaN where it is not known.
    ``trained``, ``waiting``: vectors of what was trained, and of what waits for a label."""

    vectors: Vectors
    measured: Mapping[str, Floats] = field(default_factory=dict)
    trained: Vectors | None = None
    waiting: Vectors | None = None


@dataclass(frozen=True, slots=True)
class Chosen:
    """``index``: among the candidates. ``parts``: by name; ``cluster`` and ``share``: of the traffic that is like it."""

    index: int
    score: float
    parts: dict[str, float]
    cluster: int
    share: float


@dataclass(frozen=True, slots=True)
class Summary:
    """What a choice is worth, to compare two of one size. ``uncertainty`` and ``novelty``: means. ``clusters``: how many it touches, of
    ``of_clusters``. ``radius``: the largest distance from a candidate to its nearest chosen one, which core-sets make small."""

    uncertainty: float | None
    novelty: float
    clusters: int
    of_clusters: int
    radius: float


class Chooser:
    """For one set of candidates. What is random depends on ``seed`` alone."""

    def __init__(self, given: Candidates, weights: Weights, seed: int = 0) -> None:
        self._given = given
        self._seed = seed
        self._uncertainty = uncertainty_of(given.measured, len(given.vectors))
        self.weights = weights if self._uncertainty is not None else weights.without_uncertainty()
        empty = given.vectors[:0]
        self._novelty = distances(given.vectors, empty if given.trained is None else given.trained)
        self._far = distances(given.vectors, empty if given.waiting is None else given.waiting)
        self.clusters = clusters(given.vectors, seed)
        self._shares = shares(self.clusters)

    def choose(self, count: int, strategy: Strategy = "active") -> list[Chosen]:
        """``count`` of them, or all, in the order in which they were chosen."""
        size = len(self._given.vectors)
        given = np.random.default_rng(self._seed).permutation(size)[:count] if strategy == "random" else None
        far, free, made = self._far.copy(), np.ones(size, dtype=bool), list[Chosen]()
        for turn in range(min(count, size)):
            parts = self._parts(far)
            scores = sum(getattr(self.weights, name) * part for name, part in parts.items()) / self.weights.total
            best = int(np.where(free, scores, -1.0).argmax()) if given is None else int(given[turn])
            shown = {name: round(float(part[best]), 4) for name, part in parts.items()}
            made.append(Chosen(best, round(float(scores[best]), 4), shown, int(self.clusters[best]), float(self._shares[best])))
            free[best] = False
            far = np.minimum(far, distances(self._given.vectors, self._given.vectors[[best]]))
        return made

    def summary(self, chosen: Sequence[Chosen]) -> Summary:
        which = [one.index for one in chosen]
        radius = distances(self._given.vectors, self._given.vectors[which]).max(initial=0.0)
        unsure = None if self._uncertainty is None or not which else round(float(self._uncertainty[which].mean()), 4)
        novelty = float(self._novelty[which].mean()) if which else 0.0
        touched = len({one.cluster for one in chosen})
        return Summary(unsure, round(novelty, 4), touched, len(np.unique(self.clusters)), round(float(radius), 4))

    def _parts(self, far: Floats) -> dict[str, Floats]:
        known = {} if self._uncertainty is None else {"uncertainty": self._uncertainty}
        value = self._shares / max(float(self._shares.max(initial=0.0)), 1e-9)
        return known | {"diversity": far, "novelty": self._novelty, "value": value}


def uncertainty_of(measured: Mapping[str, Floats], size: int) -> Floats | None:
    """For each the mean of its ranks by the measures it has; the middle where it has none. None where nothing was measured."""
    ranks = [_ranks(values) for values in measured.values() if not np.isnan(values).all()]
    if not ranks:
        return None
    table = np.stack(ranks)
    known = ~np.isnan(table)
    sums = np.where(known, table, 0.0).sum(axis=0)
    return np.where(known.any(axis=0), sums / np.maximum(known.sum(axis=0), 1), np.full(size, 0.5))


def _ranks(values: Floats) -> Floats:
    """0 for the least, 1 for the most, the same for equal values, 0.5 where all are equal; NaN stays."""
    known = ~np.isnan(values)
    below, count = np.full(len(values), np.nan), int(known.sum())
    some: npt.NDArray[np.float64] = values[known]
    ordered = np.sort(some)
    middle = (np.searchsorted(ordered, some, "left") + np.searchsorted(ordered, some, "right") - 1) / 2
    below[known] = middle / max(1, count - 1) if count > 1 else 0.5
    return below


def reason_of(chosen: Chosen, weights: Weights, strategy: Strategy) -> str:
    """Why it was chosen, in one sentence: the parts that count most."""
    if strategy == "random":
        return "Picked at random."
    weighed = sorted(((getattr(weights, name) * part, name, part) for name, part in chosen.parts.items()), reverse=True)
    said = [_SAYINGS[name].format(part=part, share=chosen.share) for worth, name, part in weighed[:2] if worth > 0]
    return "; ".join(said).capitalize() + "." if said else "Nothing speaks for it; it is among the last that were left."


_SAYINGS = {
    "uncertainty": "the model was less sure than of most candidates ({part:.2f})",
    "diversity": "it is unlike those chosen before ({part:.2f})",
    "novelty": "it is unlike what was trained ({part:.2f})",
    "value": "{share:.0%} of the traffic is like it",
}
