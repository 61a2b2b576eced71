"""What is told of a drift. It is found in ``comparing.py``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from cluster.learning.analytics.quality import Rate

Finding = Literal["drifted", "steady", "too_few"]
# Distances to the nearest text are told at these shares of the texts.
SHARES = tuple(number / 20 for number in range(21))
# What is farther from all that was trained on than so much of that is from its own neighbours, is unfamiliar.
FAMILIAR = 0.95


@dataclass(frozen=True, slots=True)
class How:
    """``fewest``: texts of each side from which anything is concluded."""

    resamples: int
    level: float
    least: float
    fewest: int


@dataclass(frozen=True, slots=True)
class Nearness:
    """Distances to the nearest text that was trained on, at SHARES of the texts; of what was trained on, to the nearest other one.
    ``unfamiliar``: the share of recent texts that are farther than FAMILIAR of those that were trained on; 0.05 is what equal ones have."""

    trained: tuple[float, ...]
    recent: tuple[float, ...]
    border: float
    unfamiliar: float


@dataclass(frozen=True, slots=True)
class TextDrift:
    """``distance``: the energy distance; ``effect``: its share of the mean distance between the sides, from 0 to 1. None: too few texts."""

    trained: int
    recent: int
    finding: Finding
    distance: float | None = None
    effect: float | None = None
    p: float | None = None
    nearness: Nearness | None = None


@dataclass(frozen=True, slots=True)
class RateDrift:
    """``p`` is Holm's; None where there is nothing to compare."""

    before: Rate
    now: Rate
    finding: Finding
    p: float | None = None
