"""What samples of two settings allow to conclude about their ratio.

Both are of the same rounds, so the ratio is taken round by round. ``scipy.stats.bootstrap`` draws rounds; its percentile interval is too
narrow for few of them, by the square root of (n-1)/n, and is widened by that (Hesterberg, "What teachers should know about the bootstrap",
2015). Its BCa was rejected: it is undefined where all rounds are equal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import bootstrap

SEED = 17


@dataclass(frozen=True, slots=True)
class Weighed:
    """``ratio``: geometric mean of after to before; ``low`` and ``high``: its interval with ``confidence``."""

    ratio: float
    low: float
    high: float
    confidence: float
    rounds: int

    @property
    def better(self) -> bool:
        """Beyond noise."""
        return self.low > 1.0

    @property
    def worse(self) -> bool:
        """Beyond noise."""
        return self.high < 1.0


def weigh(before: Sequence[float], after: Sequence[float], confidence: float, resamples: int) -> Weighed:
    """Of rates, the higher the better, of the same rounds in the same order. Raises ValueError for fewer than three rounds, and for rates
    that are not positive."""
    old, new = np.asarray(before, float), np.asarray(after, float)
    if old.shape != new.shape or old.ndim != 1 or len(old) < 3:
        raise ValueError(f"a ratio is of three rounds or more of both settings; there are {old.shape} and {new.shape}")
    if not ((old > 0).all() and (new > 0).all()):
        raise ValueError("a ratio is of rates above 0")
    gains = np.log(new) - np.log(old)
    mean = float(gains.mean())
    drawn = bootstrap((gains,), np.mean, n_resamples=resamples, vectorized=True, method="percentile", confidence_level=confidence,
                      rng=np.random.default_rng(SEED)).confidence_interval  # fmt: skip
    wider = math.sqrt(len(gains) / (len(gains) - 1))
    low, high = (mean + (float(bound) - mean) * wider for bound in (drawn.low, drawn.high))
    return Weighed(math.exp(mean), math.exp(low), math.exp(high), confidence, len(gains))
