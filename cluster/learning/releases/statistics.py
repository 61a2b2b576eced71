"""What the outcomes of two arms allow to conclude, also for somebody who looks again and again.

*Outcomes.* Who is assigned is a conversation, so a conversation is one outcome: gone badly, if anybody said or did something against any
answer in it, else well. Answers within one are not independent, and counting them one by one would be as if there were more.

*At one look*: Fisher's exact test, and for the difference of two shares Newcombe's interval (Newcombe, "Interval estimation for the
difference between independent proportions", Statistics in Medicine 17, 1998, method 10), which is two of Wilson's put together. Both hold
for somebody who decides beforehand when to look, once.

*At every look*: an e-process, the product over blocks of what was seen, of how likely two shares make it against how likely one does. If
the arms are equal, its expectation is at most 1 at any time, and so the chance that it ever reaches 1/a is at most a, however often
somebody looks, and whenever they stop (Ville's inequality; the e-variable is Turner, Ly and Grünwald's, "Generic E-variables for exact
sequential k-sample tests that allow for optional stopping", Journal of Statistical Planning and Inference 230, 2024). Unlike
alpha spending it needs no plan of looks, and unlike the mixture SPRT no normal approximation. ``p_anytime`` is 1 over the highest that it
reached. Nothing is called
shown by any other figure. Outcomes count in the order in which they were first said, each as it stands now; where many are changed later,
this is an approximation.

*How many*: for a two-sided test at ``alpha`` of the size that is looked for, with the chance ``power`` to find it (Fleiss, Levin and Paik,
"Statistical Methods for Rates and Proportions", 3rd edition, 2003, chapter 4).

*Latency* goes by conversation too: the median of each, Mann and Whitney's test, and a bootstrapped interval of the difference of medians.
It is told for one look, and is never what something is promoted for.

statsmodels, which has Newcombe's interval and the power of two shares, was rejected: a few lines against a dependency on patsy and pandas.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest, bootstrap, fisher_exact, mannwhitneyu, norm

# Of the larger arm in a block, so that blocks are full now and then also where one is tried on very few.
WIDEST_BLOCK = 20
RESAMPLES = 2000
# Fewer allow nothing to be said, and of more so many, evenly taken, say as much.
LEAST_LATENCIES, MOST_LATENCIES = 5, 2000


@dataclass(frozen=True, slots=True)
class Rates:
    """Shares of what went well, candidate less control. None where there is nothing of an arm."""

    candidate: float | None
    control: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None
    p_anytime: float = 1.0


@dataclass(frozen=True, slots=True)
class Latencies:
    """Medians in milliseconds, candidate less control."""

    candidate: float | None
    control: float | None
    difference: float | None = None
    low: float | None = None
    high: float | None = None
    p_value: float | None = None


@dataclass(frozen=True, slots=True)
class Sample:
    """Outcomes that each arm needs."""

    candidate: int
    control: int


def compare_rates(candidate: Sequence[bool], control: Sequence[bool], percent: float, alpha: float) -> Rates:
    """Outcomes in order of time, True: went well. ``percent``: share of the candidate."""
    ours, theirs = _share(candidate), _share(control)
    if ours is None or theirs is None:
        return Rates(ours, theirs)
    good, other = sum(candidate), sum(control)
    table = [[good, len(candidate) - good], [other, len(control) - other]]
    low, high = newcombe(good, len(candidate), other, len(control), 1.0 - alpha)
    p_value = float(fisher_exact(table).pvalue)
    return Rates(ours, theirs, ours - theirs, low, high, p_value, anytime(candidate, control, *block_of(percent)))


def newcombe(good: int, of: int, other: int, others: int, confidence: float) -> tuple[float, float]:
    """The interval of the difference of two shares."""
    one, two = binomtest(good, of), binomtest(other, others)
    first, second = one.proportion_ci(confidence, method="wilson"), two.proportion_ci(confidence, method="wilson")
    ours, theirs = good / of, other / others
    low = ours - theirs - math.hypot(ours - first.low, second.high - theirs)
    return low, ours - theirs + math.hypot(first.high - ours, theirs - second.low)


def block_of(percent: float) -> tuple[int, int]:
    """Outcomes of candidate and control in a block, about as they are assigned. Fixed before the first."""
    share = min(max(percent / 100.0, 1.0 / (WIDEST_BLOCK + 1)), 1.0 - 1.0 / (WIDEST_BLOCK + 1))
    if share <= 0.5:
        return 1, round((1.0 - share) / share)
    return round(share / (1.0 - share)), 1


def anytime(candidate: Sequence[bool], control: Sequence[bool], ours: int, theirs: int) -> float:
    """The p-value that holds at every look; ``ours``, ``theirs``: outcomes of each in a block. What fills no block waits."""
    evidence, highest = 0.0, 0.0
    good, bad = [0.5, 0.5], [0.5, 0.5]
    for number in range(min(len(candidate) // ours, len(control) // theirs)):
        # What was believed before the block, or else it would bet on what it has seen.
        shares = [one / (one + other) for one, other in zip(good, bad, strict=True)]
        blocks = candidate[number * ours : (number + 1) * ours], control[number * theirs : (number + 1) * theirs]
        pooled = (ours * shares[0] + theirs * shares[1]) / (ours + theirs)
        for arm, block in enumerate(blocks):
            well = sum(block)
            evidence += well * math.log(shares[arm] / pooled) + (len(block) - well) * math.log((1 - shares[arm]) / (1 - pooled))
            good[arm] += well
            bad[arm] += len(block) - well
        highest = max(highest, evidence)
    return math.exp(-highest)


def needed(control: float | None, difference: float, percent: float, alpha: float, power: float) -> Sample:
    """To find a ``difference`` from the share ``control``; None, and for shares near 0 and 1: the one that takes most within reach."""
    share = 0.5 if control is None else min(max(control, difference), 1.0 - difference)
    other = share + difference if share + difference <= 1.0 else share - difference
    ours = min(max(percent / 100.0, 0.001), 0.999)
    # Controls to each candidate.
    ratio = (1.0 - ours) / ours
    pooled = (other + ratio * share) / (1.0 + ratio)
    under_null = float(norm.ppf(1.0 - alpha / 2.0)) * math.sqrt((1.0 + 1.0 / ratio) * pooled * (1.0 - pooled))
    under_difference = float(norm.ppf(power)) * math.sqrt(other * (1.0 - other) + share * (1.0 - share) / ratio)
    least = math.ceil(((under_null + under_difference) / difference) ** 2)
    return Sample(least, math.ceil(ratio * least))


def compare_latencies(candidate: Sequence[float], control: Sequence[float], alpha: float) -> Latencies:
    """Milliseconds, one value for each conversation."""
    candidate, control = _evenly(candidate), _evenly(control)
    ours, theirs = _median(candidate), _median(control)
    if ours is None or theirs is None or min(len(candidate), len(control)) < LEAST_LATENCIES:
        return Latencies(ours, theirs)
    tested = mannwhitneyu(candidate, control)
    found = bootstrap(
        (np.asarray(candidate, float), np.asarray(control, float)),
        _difference,
        n_resamples=RESAMPLES,
        vectorized=True,
        method="percentile",
        confidence_level=1.0 - alpha,
        rng=np.random.default_rng(0),
    ).confidence_interval
    return Latencies(ours, theirs, ours - theirs, float(found.low), float(found.high), float(tested.pvalue))


def _difference(candidate: np.ndarray, control: np.ndarray, axis: int) -> np.ndarray:
    return np.asarray(np.median(candidate, axis=axis) - np.median(control, axis=axis))


def _evenly(values: Sequence[float]) -> Sequence[float]:
    return values[:: -(-len(values) // MOST_LATENCIES) or 1]


def _share(outcomes: Sequence[bool]) -> float | None:
    return sum(outcomes) / len(outcomes) if outcomes else None


def _median(values: Sequence[float]) -> float | None:
    return float(np.median(values)) if len(values) else None
