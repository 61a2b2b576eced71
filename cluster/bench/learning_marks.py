"""The figures of the learning proof: curves with bands, points gained, and how many labels were saved."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict

from cluster.learning.analytics.efficiency import labels_for

Strategy = Literal["active", "random"]
STRATEGIES: tuple[Strategy, ...] = ("active", "random")
DRAWS, CONFIDENCE = 2000, 0.95


class Point(BaseModel):
    """One adapter, measured. ``labels``: answers that the user looked at, of which ``corrections`` were wrong; 0: the base itself.
    ``right``: of each held-out question whether it was answered right. ``old``: the mean mark on what the base could do before, and
    ``old_base`` the base's own. ``tokens_per_s``: of its training."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    seed: int
    strategy: Strategy
    labels: int
    corrections: int
    right: tuple[bool, ...]
    old: float | None = None
    old_base: float | None = None
    verdict: str | None = None
    tokens_per_s: float | None = None
    seconds: float | None = None

    @property
    def accuracy(self) -> float:
        return sum(self.right) / len(self.right)


class Band(BaseModel):
    """A mean and where it lies in so many of the draws (CONFIDENCE)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    mean: float
    low: float
    high: float


def band(points: Sequence[Point], seed: int = 0) -> Band:
    """The mean accuracy of ``points``, one of each seed: seeds are drawn anew, and questions within each."""
    draw = np.random.default_rng(seed)
    sizes, means = np.asarray([len(point.right) for point in points]), np.asarray([point.accuracy for point in points])
    chosen = draw.integers(len(points), size=(DRAWS, len(points)))
    # So many of the questions of a seed, drawn anew, are right as a binomial says.
    drawn = (draw.binomial(sizes[chosen], means[chosen]) / sizes[chosen]).mean(axis=1)
    tail = 100 * (1 - CONFIDENCE) / 2
    low, high = np.percentile(drawn, [tail, 100 - tail])
    return Band(mean=float(means.mean()), low=float(low), high=float(high))


def curve(points: Iterable[Point], strategy: Strategy) -> dict[int, list[Point]]:
    """By the number of labels, the fewest first."""
    found: dict[int, list[Point]] = {}
    for point in sorted(points, key=lambda one: (one.labels, one.seed)):
        if point.strategy == strategy:
            found.setdefault(point.labels, []).append(point)
    return found


def share_needed(points: Sequence[Point]) -> float | None:
    """The labels with which the active choice is as good as the random one with the most, as a share of those; None: it never is."""
    active, random = ({n: _mean(some) for n, some in curve(points, one).items()} for one in STRATEGIES)
    if not active or not random:
        return None
    most = max(random)
    needed = labels_for(sorted(active.items()), random[most])
    return None if needed is None or not most else needed / most


def gained(points: Sequence[Point], strategy: Strategy) -> float | None:
    """Accuracy with the most labels, less that of the base."""
    heights = {n: _mean(some) for n, some in curve(points, strategy).items()}
    return heights[max(heights)] - heights[0] if 0 in heights and len(heights) > 1 else None


def lost(points: Sequence[Point]) -> float | None:
    """The mean loss of old skills over the adapters with the most labels; less than 0 where they gained."""
    most = max((point.labels for point in points), default=0)
    losses = [one.old_base - one.old for one in points if one.labels == most and one.old is not None and one.old_base is not None]
    return float(np.mean(losses)) if losses else None


def _mean(points: Sequence[Point]) -> float:
    return float(np.mean([point.accuracy for point in points]))
