"""What a point of score took: of training, of labels, of the gate, and of money where prices are known."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from cluster.learning.analytics.judgements import Judgement
from cluster.learning.gate.verdict import Tokens
from cluster.specs.prices import Consumption, PriceTable

HOUR_S = 3600.0
# Marks are from 0 to 1; people speak of points of a hundred.
POINTS = 100.0
Bill = Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Spent:
    """None: nobody knows. ``bill``: the money for training, labelling and gate; None for what has no price, or of which nobody knows how
    much it was."""

    training_s: float | None
    training_tokens: int | None
    labels: int | None
    labelling_s: float | None
    gate_tokens: int | None
    bill: Bill

    @property
    def money(self) -> float | None:
        """Of what has a price; None where nothing has."""
        return _sum(self.bill.values())

    @property
    def unpriced(self) -> list[str]:
        return [name for name, amount in self.bill.items() if amount is None]

    def per(self, points: float) -> PerPoint | None:
        """None where nothing was gained."""
        if points <= 0:
            return None
        shares = [None if amount is None else amount / points for amount in self.amounts]
        return PerPoint(*shares)

    @property
    def amounts(self) -> tuple[float | None, ...]:
        return self.training_s, self.training_tokens, self.labels, self.labelling_s, self.gate_tokens, self.money


@dataclass(frozen=True, slots=True)
class PerPoint:
    """The same for each point that was gained."""

    training_s: float | None
    training_tokens: float | None
    labels: float | None
    labelling_s: float | None
    gate_tokens: float | None
    money: float | None


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one adapter, with its latest verdict. ``points``: gained over the incumbent on the task, from ``low`` to ``high``."""

    judgement: Judgement
    points: float
    low: float
    high: float
    spent: Spent
    per_point: PerPoint | None


@dataclass(frozen=True, slots=True)
class Total:
    """Of all adapters for one task and base. ``points``: gained by those that passed; what the others took was spent as well."""

    task: str | None
    base: str
    adapters: int
    passed: int
    points: float
    spent: Spent
    per_point: PerPoint | None


def costs(found: Iterable[Judgement], prices: PriceTable) -> list[Cost]:
    """Of each adapter, the latest verdict first; of what the gate asked all verdicts count."""
    by_adapter: dict[tuple[str, str], list[Judgement]] = {}
    for one in found:
        by_adapter.setdefault((one.base, one.adapter), []).append(one)
    made = [_cost(those, prices) for those in by_adapter.values()]
    return sorted(made, key=lambda cost: cost.judgement.time, reverse=True)


def totals(found: Iterable[Cost]) -> list[Total]:
    groups: dict[tuple[str | None, str], list[Cost]] = {}
    for cost in found:
        groups.setdefault((cost.judgement.task, cost.judgement.base), []).append(cost)
    return [_total(*key, groups[key]) for key in sorted(groups, key=lambda key: (key[0] or "", key[1]))]


def _cost(those: Sequence[Judgement], prices: PriceTable) -> Cost:
    """``those``: verdicts about one adapter, the earliest first."""
    last = those[-1]
    points, low, high = (POINTS * value for value in (last.difference, last.low, last.high))
    spent = _spent(those, prices)
    return Cost(last, points, low, high, spent, spent.per(points))


def _spent(those: Sequence[Judgement], prices: PriceTable) -> Spent:
    last, counted = those[-1], [one.tokens for one in those if one.tokens is not None]
    labelling = last.data.label_seconds if last.data is not None else None
    return Spent(
        training_s=last.training_seconds,
        training_tokens=last.training_tokens,
        labels=last.data.labels if last.data is not None else None,
        labelling_s=labelling,
        gate_tokens=sum(one.prompt + one.completion for tokens in counted for one in tokens.values()) if counted else None,
        bill={
            "training": _by_hour(last.training_seconds, prices.training_hour),
            "labelling": _by_hour(labelling, prices.labelling_hour),
            "gate": _of_gate(last.base, [one for tokens in counted for one in tokens.values()], prices),
        },
    )


def _by_hour(seconds: float | None, price: float | None) -> float | None:
    return None if seconds is None or price is None else seconds / HOUR_S * price


def _of_gate(base: str, tokens: Sequence[Tokens], prices: PriceTable) -> float | None:
    if not tokens or not prices.is_known(base):
        return None
    prompt, completion = sum(one.prompt for one in tokens), sum(one.completion for one in tokens)
    return float(prices.cost(base, Consumption(prompt, completion)))


def _total(task: str | None, base: str, those: Sequence[Cost]) -> Total:
    """Labels are those of the largest dataset: adapters are trained on the same ones again and again."""
    passed = [cost for cost in those if cost.judgement.outcome == "passed"]
    points = math.fsum(cost.points for cost in passed)
    spents = [cost.spent for cost in those]
    spent = Spent(
        training_s=_sum(one.training_s for one in spents),
        training_tokens=_whole(_sum(one.training_tokens for one in spents)),
        labels=_whole(_most(one.labels for one in spents)),
        labelling_s=_most(one.labelling_s for one in spents),
        gate_tokens=_whole(_sum(one.gate_tokens for one in spents)),
        bill={
            "training": _sum(one.bill["training"] for one in spents),
            "labelling": _most(one.bill["labelling"] for one in spents),
            "gate": _sum(one.bill["gate"] for one in spents),
        },
    )
    return Total(task, base, len(those), len(passed), points, spent, spent.per(points))


def _sum(amounts: Iterable[float | None]) -> float | None:
    known = [amount for amount in amounts if amount is not None]
    return math.fsum(known) if known else None


def _most(amounts: Iterable[float | None]) -> float | None:
    return max((amount for amount in amounts if amount is not None), default=None)


def _whole(amount: float | None) -> int | None:
    return None if amount is None else int(amount)
