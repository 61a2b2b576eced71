"""How what is told of learning is drawn: lines and bars, which ``drawing.py`` makes a picture of in a process of its own."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from cluster.learning.analytics.cost import Cost
from cluster.learning.analytics.drift import SHARES, RateDrift, TextDrift
from cluster.learning.analytics.efficiency import Curve
from cluster.learning.analytics.judgements import Judgement
from cluster.learning.analytics.quality import Series

# More lines, and more bars, nobody can tell apart.
MOST_LINES, MOST_BARS = 10, 20
NAME_CHARS = 28


@dataclass(frozen=True, slots=True)
class Line:
    """``points``: x and y; x is a number, or a day as ISO 8601. ``band``: low and high at each point. ``joined`` False: points alone."""

    label: str
    points: Sequence[tuple[float | str, float]]
    band: Sequence[tuple[float, float]] = ()
    joined: bool = True


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes. ``names``: what x counts, from 0; then bars are drawn. ``border``: x of a line from top to bottom. ``empty``: what
    stands in its middle where there is nothing to draw."""

    title: str
    x: str
    y: str
    lines: Sequence[Line]
    empty: str
    names: Sequence[str] = ()
    border: float | None = None
    dates: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """Panels side by side."""

    panels: Sequence[Panel]
    notes: Sequence[str] = field(default_factory=tuple)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


def efficiency_chart(curves: Sequence[Curve]) -> Chart:
    lines = [
        Line(
            _label(curve.task, curve.base, curve.chosen),
            [(point.labels, 100 * point.score) for point in curve.points],
            [(100 * point.low, 100 * point.high) for point in curve.points],
        )
        for curve in curves[:MOST_LINES]
    ]
    return Chart([Panel("Score by labels", "labels", "score on the task, %", lines, "No verdict about a trained adapter yet.")])


def quality_chart(series: Series, found: Iterable[Judgement]) -> Chart:
    told = [
        Line(
            _label(task, group),
            [(point.begins.isoformat(), 100 * point.approval.share) for point in points if point.approval.share is not None],
            [(100 * low, 100 * high) for point in points if (interval := point.approval.interval) is not None for low, high in (interval,)],
        )
        for (task, group), points in series.items()
    ]
    by_task: dict[str | None, list[tuple[float | str, float]]] = {}
    for one in found:
        by_task.setdefault(one.task, []).append((one.time.isoformat(), 100 * one.score))
    judged = [Line(_label(task), points, joined=False) for task, points in by_task.items()]
    return Chart(
        [
            Panel("Approval by people", "", "approval, %", _drawn(told), "No thumbs or stars yet.", dates=True),
            Panel("Score at the gate", "", "score on the task, %", _drawn(judged), "No verdict yet.", dates=True),
        ]
    )


def drift_chart(texts: TextDrift | None, rates: Mapping[str, RateDrift], notes: Sequence[str]) -> Chart:
    near = texts.nearness if texts is not None else None
    shares = [100 * share for share in SHARES]
    lines = []
    if near is not None:
        sides = (("trained on", near.trained), ("recent", near.recent))
        lines = [Line(label, list(zip(distances, shares, strict=True))) for label, distances in sides]
    title = "Texts" if texts is None or texts.p is None else f"Texts: {texts.finding} (p = {texts.p:.3g}, effect {texts.effect:.3f})"
    compared = {name: one for name, one in rates.items() if one.p is not None}
    bars = [
        Line(label, [(number, 100 * (rate.share or 0.0)) for number, rate in enumerate(those)])
        for label, those in (("before", [one.before for one in compared.values()]), ("now", [one.now for one in compared.values()]))
    ]
    names = [f"{name}: {one.finding}" for name, one in compared.items()]
    left = Panel(
        title,
        "distance to the nearest text trained on",
        "texts, %",
        lines,
        "Too few texts to compare.",
        border=near.border if near is not None else None,
    )
    right = Panel("Feedback", "", "share, %", bars if names else [], "Too little feedback to compare.", names=names)
    return Chart([left, right], list(notes))


def cost_chart(costs: Sequence[Cost]) -> Chart:
    shown = list(costs[:MOST_BARS])[::-1]
    names = [_label(cost.judgement.base, cost.judgement.adapter) for cost in shown]
    gained = Line("points gained", [(number, cost.points) for number, cost in enumerate(shown)])
    seconds = [cost.per_point.training_s if cost.per_point is not None else None for cost in shown]
    spent = Line("seconds", [(number, amount) for number, amount in enumerate(seconds) if amount is not None])
    empty = "No verdict about a trained adapter yet."
    return Chart(
        [
            Panel("Gained on the task", "", "points", [gained] if names else [], empty, names=names),
            Panel("Training for each point", "", "seconds", [spent] if spent.points else [], "Nothing was gained yet.", names=names),
        ]
    )


def _drawn(lines: Sequence[Line]) -> list[Line]:
    return [line for line in lines if line.points][:MOST_LINES]


def _label(*parts: str | None) -> str:
    """Short, and never what matplotlib takes for mathematics or hides."""
    text = " · ".join(part for part in parts if part) or "all"
    return text.replace("$", "S").lstrip("_")[:NAME_CHARS] or "all"
