"""What the marks of two models on the same items allow to conclude.

A bootstrap knows only what it has seen: of 50 items that all went equally well it would conclude that nothing can ever go worse. So each
bound is taken as if one more item had been asked, and had gone as badly (for the lower bound) or as well (for the upper one) as can be.
With no loss among n items the lower bound is then about -3/n, which is what an exact binomial interval says, too.

``scipy.stats.bootstrap`` draws; of a paired statistic that is the mean of differences, its sample are the differences. Its method BCa was
rejected: it is undefined where all differences are equal. statsmodels, which has Holm's correction, was rejected: four lines against a
dependency on patsy and pandas.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
import numpy.typing as npt
from scipy.stats import bootstrap

Marks = Sequence[float]
Array = npt.NDArray[np.float64]
# Marks are from 0 to 1, so that this is the most that an item can lose or gain.
MOST = 1.0
# Resampled values that are held in memory at once.
AT_ONCE = 2**21


@dataclass(frozen=True, slots=True)
class Drawn:
    """How is drawn: ``confidence`` of the interval, ``resamples`` of the bootstrap, the ``seed`` of all."""

    confidence: float
    resamples: int
    seed: int

    @property
    def level(self) -> float:
        """Chance of a wrong conclusion to one side."""
        return (1.0 - self.confidence) / 2.0


@dataclass(frozen=True, slots=True)
class Difference:
    """``mean``: candidate less incumbent. ``p_better``: chance of such marks if it was not better at all; ``p_not_worse``: if it was worse
    by the tolerance or more; ``p_worse``: if it was not worse by more than the tolerance."""

    items: int
    candidate: float
    incumbent: float
    mean: float
    low: float
    high: float
    wins: int
    losses: int
    p_better: float
    p_not_worse: float
    p_worse: float


def compare(candidate: Marks, incumbent: Marks, tolerance: float, drawn: Drawn, name: str = "") -> Difference:
    """Marks of the same items, in the same order; which order does not matter. ``name`` tells draws of several sets apart."""
    ours, theirs = np.asarray(candidate, float), np.asarray(incumbent, float)
    if ours.shape != theirs.shape or ours.ndim != 1 or not len(ours):
        raise ValueError(f"marks of the same items are compared, at least of one; there are {ours.shape} and {theirs.shape}")
    # Sorted, so that the same items in another order are drawn alike.
    gains = np.sort(ours - theirs)
    low, below = _bound(gains, -MOST, drawn, f"{name} low")
    high, above = _bound(gains, MOST, drawn, f"{name} high")
    return Difference(
        items=len(gains),
        candidate=math.fsum(ours) / len(gains),
        incumbent=math.fsum(theirs) / len(gains),
        mean=math.fsum(gains) / len(gains),
        low=low,
        high=high,
        wins=int((gains > 0).sum()),
        losses=int((gains < 0).sum()),
        p_better=_share(below <= _up(0.0)),
        p_not_worse=_share(below <= _up(-tolerance)),
        p_worse=_share(above >= _down(-tolerance)),
    )


def holm(chances: Mapping[str, float]) -> dict[str, float]:
    """Holm's corrected p-values: concluding whatever is under a level errs anywhere with at most that chance."""
    corrected, reached = {}, 0.0
    for rank, (name, chance) in enumerate(sorted(chances.items(), key=lambda pair: (pair[1], pair[0]))):
        reached = max(reached, min(1.0, chance * (len(chances) - rank)))
        corrected[name] = reached
    return corrected


def _bound(gains: Array, extreme: float, drawn: Drawn, name: str) -> tuple[float, Array]:
    """The bound on the side of ``extreme``, and the means of all drawn sets."""
    values = np.append(gains, extreme)
    random = np.random.default_rng([drawn.seed, crc32(name.encode())])
    batch = max(1, AT_ONCE // len(values))
    found = bootstrap((values,), np.mean, n_resamples=drawn.resamples, batch=batch, vectorized=True, method="percentile",
                      confidence_level=drawn.confidence, rng=random)  # fmt: skip
    interval = found.confidence_interval
    return float(interval.low if extreme < 0 else interval.high), np.asarray(found.bootstrap_distribution)


def _share(hits: npt.NDArray[np.bool_]) -> float:
    """Never nothing: as many draws cannot show a chance smaller than this."""
    return (int(hits.sum()) + 1) / (len(hits) + 1)


def _up(value: float) -> float:
    """So that sums that differ in the last bits only count as equal."""
    return value + 1e-12


def _down(value: float) -> float:
    return value - 1e-12
