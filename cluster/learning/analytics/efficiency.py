"""How the score grows with the number of labels, by how the labels were chosen."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cluster.learning.analytics.judgements import Chosen, Judgement

Key = tuple[str | None, str, Chosen]


@dataclass(frozen=True, slots=True)
class Point:
    """The mean of the scores of adapters that were trained on so many labels, ``verdicts`` of them, from ``low`` to ``high``."""

    labels: int
    score: float
    low: float
    high: float
    verdicts: int


@dataclass(frozen=True, slots=True)
class Curve:
    """``item_sets``: on how many different sets of items its scores were found. With more than one, part of what looks like progress may be
    that the items are easier."""

    task: str | None
    base: str
    chosen: Chosen
    points: Sequence[Point]
    item_sets: int

    @property
    def best(self) -> Point:
        return max(self.points, key=lambda point: point.score)

    @property
    def heights(self) -> list[tuple[int, float]]:
        return [(point.labels, point.score) for point in self.points]


@dataclass(frozen=True, slots=True)
class Saving:
    """How many labels each strategy needed for ``score``, the best that random choice reached. ``active`` and ``share``, of the labels that
    random choice needed: None where active choice has not reached it."""

    task: str | None
    base: str
    score: float
    random: float
    active: float | None
    share: float | None


def curves(found: Iterable[Judgement]) -> list[Curve]:
    """Of those that were trained on a dataset."""
    groups: dict[Key, list[tuple[int, Judgement]]] = {}
    for one in found:
        if one.data is not None and one.data.labels:
            groups.setdefault((one.task, one.base, one.data.chosen), []).append((one.data.labels, one))
    return [_curve(key, groups[key]) for key in sorted(groups, key=lambda key: (key[0] or "", *key[1:]))]


def savings(found: Iterable[Curve]) -> list[Saving]:
    """Where there is a curve of either strategy."""
    by_key = {(curve.task, curve.base, curve.chosen): curve for curve in found}
    pairs = [(curve, by_key.get((task, base, "active"))) for (task, base, how), curve in by_key.items() if how == "random"]
    return [_saving(random, active) for random, active in pairs if active is not None]


def labels_for(heights: Iterable[tuple[int, float]], wanted: float) -> float | None:
    """With how many labels a curve of (labels, score) is first as high as ``wanted``, on straight lines between its points; None: never."""
    before: tuple[int, float] | None = None
    for labels, height in heights:
        if height >= wanted:
            if before is None:
                return float(labels)
            return before[0] + (labels - before[0]) * (wanted - before[1]) / (height - before[1])
        before = (labels, height)
    return None


def _curve(key: Key, group: Sequence[tuple[int, Judgement]]) -> Curve:
    task, base, chosen = key
    scores: dict[int, list[float]] = {}
    for labels, one in group:
        scores.setdefault(labels, []).append(one.score)
    points = [Point(labels, math.fsum(those) / len(those), min(those), max(those), len(those)) for labels, those in sorted(scores.items())]
    return Curve(task, base, chosen, points, len({one.items_sha256 for _, one in group}))


def _saving(random: Curve, active: Curve) -> Saving:
    needed = labels_for(random.heights, random.best.score)
    assert needed is not None, "it reaches its own best"
    reached = labels_for(active.heights, random.best.score)
    return Saving(random.task, random.base, random.best.score, needed, reached, None if reached is None else reached / needed)
