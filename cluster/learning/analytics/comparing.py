"""Whether what comes in is still what an adapter was trained on, and whether people still judge as they did.

**Texts.** Two sets of vectors are compared by the energy distance (Székely & Rizzo 2004) between their distributions, which is 0 only where
these are equal, whatever way they differ. How large it is by chance is found by a permutation test: texts are dealt out anew to both sides
(``scipy.stats.permutation_test``). A drift is told where the p-value is under ``level`` and the distance is at least the share ``least`` of
the mean distance between the sides: of many texts, a test alone finds differences that nobody would mind.

**Rates.** Two shares are compared by Fisher's exact test (``scipy.stats.fisher_exact``); of several the p-values are Holm's.

Libraries for drift (alibi-detect, evidently, river) were rejected: each brings an engine or a web application for what are two calls of
scipy.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt
from scipy.spatial.distance import cdist
from scipy.stats import fisher_exact, permutation_test

from cluster.learning.analytics.drift import FAMILIAR, SHARES, How, Nearness, RateDrift, TextDrift
from cluster.learning.analytics.quality import Rate
from cluster.learning.gate.statistics import holm

Floats = npt.NDArray[np.float64]
Vectors = npt.NDArray[np.float32]
SEED = 0
# Permutations that are held in memory at once.
AT_ONCE = 256


def compare_texts(trained: Vectors, recent: Vectors, how: How) -> TextDrift:
    """``trained``, ``recent``: vectors of length 1, one for each text. Computes for about a second."""
    sizes = len(trained), len(recent)
    if min(sizes) < how.fewest:
        return TextDrift(*sizes, "too_few")
    pooled = np.concatenate([trained, recent]).astype(np.float64)
    between = cdist(pooled, pooled)
    distance = _energy(between, np.arange(sizes[0])[None], np.arange(sizes[0], sum(sizes))[None])[0]
    apart = 2.0 * between[: sizes[0], sizes[0] :].mean()
    effect = float(distance / apart) if apart > 0 else 0.0
    p = _chance(between, sizes, how.resamples)
    drifted = p < how.level and effect >= how.least
    return TextDrift(*sizes, "drifted" if drifted else "steady", float(distance), effect, p, _nearness(between, sizes[0]))


def compare_rates(before: Mapping[str, Rate], now: Mapping[str, Rate], level: float) -> dict[str, RateDrift]:
    """By name, those that both have."""
    names = [name for name in before if before[name].count and now[name].count]
    chances = holm({name: _fisher(before[name], now[name]) for name in names})
    found = {name: RateDrift(before[name], now[name], "drifted" if p < level else "steady", p) for name, p in chances.items()}
    return {name: found.get(name) or RateDrift(before[name], now[name], "too_few") for name in before}


def _energy(between: Floats, first: npt.NDArray[np.int64], second: npt.NDArray[np.int64]) -> Floats:
    """Of each row of places in ``between``: twice the mean distance between the sides less those within them."""
    weights = np.zeros((len(first), len(between)))
    np.put_along_axis(weights, first, 1.0 / first.shape[1], axis=1)
    np.put_along_axis(weights, second, -1.0 / second.shape[1], axis=1)
    return np.asarray(np.maximum(-((weights @ between) * weights).sum(axis=1), 0.0), dtype=np.float64)


def _chance(between: Floats, sizes: tuple[int, int], resamples: int) -> float:
    """Of so large a distance, or a larger one, between sides that are dealt out at random."""

    def statistic(first: npt.NDArray[np.int64], second: npt.NDArray[np.int64], axis: int) -> Floats | np.float64:
        sides = [np.moveaxis(side, axis, -1).astype(np.int64) for side in (first, second)]
        found = _energy(between, *(side.reshape(-1, side.shape[-1]) for side in sides))
        return found.reshape(sides[0].shape[:-1])[()]

    places = np.arange(sizes[0]), np.arange(sizes[0], sum(sizes))
    found = permutation_test(places, statistic, vectorized=True, n_resamples=resamples, batch=AT_ONCE, alternative="greater",
                             rng=np.random.default_rng(SEED))  # fmt: skip
    return float(found.pvalue)


def _nearness(between: Floats, size: int) -> Nearness:
    own = between[:size, :size].copy()
    np.fill_diagonal(own, np.inf)
    trained, recent = own.min(axis=1), between[:size, size:].min(axis=0)
    border = float(np.quantile(trained, FAMILIAR))
    spread = [tuple(float(value) for value in np.quantile(side, SHARES)) for side in (trained, recent)]
    return Nearness(spread[0], spread[1], border, float((recent > border).mean()))


def _fisher(before: Rate, now: Rate) -> float:
    return float(fisher_exact([[rate.hits, rate.count - rate.hits] for rate in (before, now)]).pvalue)
