"""What is answered about learning."""

from __future__ import annotations

import uuid
from collections.abc import Iterable
from datetime import date, datetime

from pydantic import Field

from api.web.schema import Answer
from cluster.learning.analytics.cost import Cost, PerPoint, Spent, Total
from cluster.learning.analytics.drift import Finding, RateDrift, TextDrift
from cluster.learning.analytics.efficiency import Curve, Saving
from cluster.learning.analytics.judgements import Chosen, Judgement
from cluster.learning.analytics.quality import QualityPoint, Rate
from cluster.learning.gate.verdict import Outcome


class JudgedAnswer(Answer):
    """A verdict about an adapter. `score`, `before`: mean marks of it and of its incumbent on the task, from 0 to 1."""

    verdict_id: uuid.UUID
    time: datetime
    outcome: Outcome
    task: str | None
    base: str
    adapter: str
    score: float
    before: float
    difference: float
    items: int
    dataset: str | None = Field(description="What it was trained on, and in which version; null: on no dataset that is here.")
    version: int | None
    labels: int | None = Field(description="What people said or uploaded that is in that version.")
    sources: dict[str, int] = Field(description="The same by kind: feedback, label, upload.")
    chosen: Chosen = Field(description="How most of them were chosen.")

    @classmethod
    def of(cls, one: Judgement) -> JudgedAnswer:
        data = one.data
        named = ("verdict_id", "time", "outcome", "task", "base", "adapter", "score", "before", "difference", "items")
        return cls(
            **{name: getattr(one, name) for name in named},
            dataset=data.dataset if data is not None else None,
            version=data.version if data is not None else None,
            labels=data.labels if data is not None else None,
            sources=dict(data.sources) if data is not None else {},
            chosen=data.chosen if data is not None else "unknown",
        )


class PointAnswer(Answer):
    labels: int
    score: float = Field(description="Mean of the verdicts with so many labels; `low` and `high`: the least and the most of them.")
    low: float
    high: float
    verdicts: int


class CurveAnswer(Answer):
    task: str | None
    base: str
    chosen: Chosen
    points: list[PointAnswer]
    item_sets: int = Field(description="Over 1: its scores were found on different items, and are not strictly comparable.")

    @classmethod
    def of(cls, curve: Curve) -> CurveAnswer:
        points = [PointAnswer.model_validate(point, from_attributes=True) for point in curve.points]
        return cls(task=curve.task, base=curve.base, chosen=curve.chosen, points=points, item_sets=curve.item_sets)


class SavingAnswer(Answer):
    """How many labels each way of choosing needed for `score`, the best that random choice reached."""

    task: str | None
    base: str
    score: float
    random: float
    active: float | None = Field(description="Null: it has not reached that yet.")
    share: float | None = Field(description="Of the labels that random choice needed.")

    @classmethod
    def of(cls, saving: Saving) -> SavingAnswer:
        return cls.model_validate(saving, from_attributes=True)


class EfficiencyAnswer(Answer):
    curves: list[CurveAnswer]
    savings: list[SavingAnswer]
    verdicts: list[JudgedAnswer] = Field(description="What the curves are made of, the earliest first.")
    notes: list[str]


class RateAnswer(Answer):
    hits: int
    count: int
    share: float | None
    low: float | None = Field(description="Of Wilson's interval at 95 %.")
    high: float | None

    @classmethod
    def of(cls, rate: Rate) -> RateAnswer:
        low, high = rate.interval or (None, None)
        return cls(hits=rate.hits, count=rate.count, share=rate.share, low=low, high=high)


class QualityPointAnswer(Answer):
    begins: date = Field(description="The day, or the Monday of the week, in UTC. Those without feedback are left out.")
    given: int
    approval: RateAnswer = Field(description="Thumbs up and four or five stars among all thumbs and stars but three.")
    corrections: RateAnswer = Field(description="Among all that people said.")
    discarded: RateAnswer = Field(description="Answers regenerated or abandoned among all that people did with some.")

    @classmethod
    def of(cls, point: QualityPoint) -> QualityPointAnswer:
        rates = {name: RateAnswer.of(getattr(point, name)) for name in ("approval", "corrections", "discarded")}
        return cls(begins=point.begins, given=point.given, **rates)


class SeriesAnswer(Answer):
    task: str
    group: str | None = Field(description="Of what answers are told apart by; null: of what has none, or all together.")
    points: list[QualityPointAnswer]


class QualityAnswer(Answer):
    series: list[SeriesAnswer]
    verdicts: list[JudgedAnswer] = Field(description="What the gate found in the same time, the earliest first.")
    is_complete: bool = Field(description="False: there is more than analytics.rows; ask for fewer days, or one task.")
    notes: list[str]


class NearnessAnswer(Answer):
    """Distances to the nearest text that was trained on, at 0, 5, ... 100 % of the texts."""

    trained: list[float]
    recent: list[float]
    border: float = Field(description="95 % of what was trained on is nearer to its own neighbours.")
    unfamiliar: float = Field(description="Share of recent texts beyond the border.")


class TextDriftAnswer(Answer):
    """Energy distance of both kinds of texts, with a permutation test; `drifted`: p under `level`, and effect from `least_effect` on."""

    trained: int
    recent: int
    finding: Finding
    distance: float | None
    effect: float | None = Field(description="Share of the mean distance between the kinds that is not within them, from 0 to 1.")
    p: float | None
    level: float
    least_effect: float
    nearness: NearnessAnswer | None

    @classmethod
    def told(cls, found: TextDrift, level: float, least: float) -> TextDriftAnswer:
        near = NearnessAnswer.model_validate(found.nearness, from_attributes=True) if found.nearness is not None else None
        figures = {name: getattr(found, name) for name in ("trained", "recent", "finding", "distance", "effect", "p")}
        return cls(**figures, level=level, least_effect=least, nearness=near)


class RateDriftAnswer(Answer):
    before: RateAnswer
    now: RateAnswer
    finding: Finding
    p: float | None = Field(description="Of Fisher's exact test, by Holm's correction; null: nothing to compare.")

    @classmethod
    def of(cls, found: RateDrift) -> RateDriftAnswer:
        return cls(before=RateAnswer.of(found.before), now=RateAnswer.of(found.now), finding=found.finding, p=found.p)


class DriftAnswer(Answer):
    base: str | None
    adapter: str | None = Field(description="The one in service.")
    dataset: str | None = Field(description="What it was trained on, by its id, and in which version.")
    version: int | None
    embedding_model: str | None
    texts: TextDriftAnswer | None
    rates: dict[str, RateDriftAnswer] = Field(description="Approval, corrections and discarded answers: recently, and as long before.")
    notes: list[str]


class SpentAnswer(Answer):
    """Null: nobody knows."""

    training_s: float | None
    training_tokens: int | None
    labels: int | None
    labelling_s: float | None
    gate_tokens: int | None
    money: float | None = Field(description="Of what has a price in prices.yaml.")
    unpriced: list[str] = Field(description="What has none: training, labelling, gate.")

    @classmethod
    def of(cls, spent: Spent) -> SpentAnswer:
        return cls.model_validate(spent, from_attributes=True)


class PerPointAnswer(Answer):
    training_s: float | None
    training_tokens: float | None
    labels: float | None
    labelling_s: float | None
    gate_tokens: float | None
    money: float | None

    @classmethod
    def of(cls, found: PerPoint | None) -> PerPointAnswer | None:
        return cls.model_validate(found, from_attributes=True) if found is not None else None


class AdapterCostAnswer(JudgedAnswer):
    points: float = Field(description="Gained over the incumbent on the task, of a hundred; with the interval of the verdict.")
    low: float
    high: float
    spent: SpentAnswer
    per_point: PerPointAnswer | None = Field(description="Null: nothing was gained.")

    @classmethod
    def priced(cls, cost: Cost) -> AdapterCostAnswer:
        judged = JudgedAnswer.of(cost.judgement).model_dump()
        figures = {"points": cost.points, "low": cost.low, "high": cost.high}
        return cls(**judged, **figures, spent=SpentAnswer.of(cost.spent), per_point=PerPointAnswer.of(cost.per_point))


class TotalAnswer(Answer):
    """Of all adapters for one task and base; `points`: gained by those that passed."""

    task: str | None
    base: str
    adapters: int
    passed: int
    points: float
    spent: SpentAnswer
    per_point: PerPointAnswer | None

    @classmethod
    def of(cls, total: Total) -> TotalAnswer:
        named = {name: getattr(total, name) for name in ("task", "base", "adapters", "passed", "points")}
        return cls(**named, spent=SpentAnswer.of(total.spent), per_point=PerPointAnswer.of(total.per_point))


class CostAnswer(Answer):
    currency: str
    adapters: list[AdapterCostAnswer] = Field(description="The latest verdict first.")
    totals: list[TotalAnswer]
    notes: list[str]


def judged(found: Iterable[Judgement]) -> list[JudgedAnswer]:
    return [JudgedAnswer.of(one) for one in found]
