"""How much people agree beyond chance, in labels that are equal or not.

Krippendorff's alpha for nominal data takes any number of people and items that not everybody labelled; Cohen's kappa is for two people and
what both labelled. Written here: `krippendorff` is GPL-3, `simpledorff` was left in 2020, statsmodels' Fleiss' kappa wants as many labels
for each item, and scikit-learn's Cohen's kappa would be the one thing that the API needs it for.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations


@dataclass(frozen=True, slots=True)
class Pair:
    """Two people. ``agreed``: the share of the ``items`` that both labelled, of which they said the same. ``kappa`` None: chance alone
    explains all, as where both always say one thing."""

    people: tuple[str, str]
    items: int
    agreed: float
    kappa: float | None


@dataclass(frozen=True, slots=True)
class Agreement:
    """``items``: with labels of at least two people. ``agreed``: the share of pairs of labels of one item that say the same. ``alpha``: 1
    where all agree, 0 for chance, below that for worse; None where it cannot be told: nothing to compare, or only one label in use."""

    items: int
    labels: int
    agreed: float | None
    alpha: float | None
    pairs: tuple[Pair, ...]


Labels = Mapping[str, Mapping[str, str]]


def agreement(labels: Labels) -> Agreement:
    """``labels``: by item, then by person."""
    shared = {item: given for item, given in labels.items() if len(given) > 1}
    count = sum(len(given) for given in shared.values())
    return Agreement(len(shared), count, _observed(shared), alpha(shared), tuple(_pairs(shared)))


def alpha(labels: Labels) -> float | None:
    """1 - observed / expected disagreement (Krippendorff, "Computing Krippendorff's Alpha-Reliability", 2011)."""
    units = [Counter(given.values()) for given in labels.values() if len(given) > 1]
    totals: Counter[str] = Counter()
    for unit in units:
        totals.update(unit)
    everything = totals.total()
    expected = everything**2 - sum(count**2 for count in totals.values())
    if not expected:
        return None
    observed = sum((unit.total() ** 2 - sum(count**2 for count in unit.values())) / (unit.total() - 1) for unit in units)
    return round(1 - (everything - 1) * observed / expected, 4)


def kappa(one: list[str], other: list[str]) -> float | None:
    """Cohen's, of two people's labels of the same items in one order."""
    count = len(one)
    first, second = Counter(one), Counter(other)
    chance = sum(first[label] * second[label] for label in first) / count**2
    agreed = sum(a == b for a, b in zip(one, other, strict=True)) / count
    return None if chance == 1 else round((agreed - chance) / (1 - chance), 4)


def _observed(labels: Labels) -> float | None:
    pairs = [a == b for given in labels.values() for a, b in combinations(given.values(), 2)]
    return round(sum(pairs) / len(pairs), 4) if pairs else None


def _pairs(labels: Labels) -> list[Pair]:
    both: dict[tuple[str, str], tuple[list[str], list[str]]] = {}
    for given in labels.values():
        for a, b in combinations(sorted(given), 2):
            first, second = both.setdefault((a, b), ([], []))
            first.append(given[a])
            second.append(given[b])
    made = []
    for people, (first, second) in sorted(both.items()):
        agreed = sum(a == b for a, b in zip(first, second, strict=True)) / len(first)
        made.append(Pair(people, len(first), round(agreed, 4), kappa(first, second)))
    return made
