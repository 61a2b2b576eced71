"""What a point took."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from cluster.learning.analytics.cost import costs, totals
from cluster.specs.prices import PricesSpec, PriceTable
from cluster.specs.providers import Price, ProvidersSpec
from tests.cluster.learning.analytics.judged import BEGIN, judgement

FREE = PriceTable(PricesSpec(), ProvidersSpec())
PRICED = PriceTable(PricesSpec(training_hour=3.6, labelling_hour=36.0, models={"nano": Price(input=10.0, output=20.0)}), ProvidersSpec())


def test_an_adapter_s_cost_is_divided_by_the_points_it_gained():
    (cost,) = costs([judgement(0.5, 0.3)], FREE)
    assert cost.points == pytest.approx(20)
    assert (cost.spent.training_s, cost.spent.labels, cost.spent.labelling_s, cost.spent.gate_tokens) == (100, 50, 150, 2500)
    assert cost.per_point is not None
    assert cost.per_point.training_s == pytest.approx(5)
    assert cost.per_point.labels == pytest.approx(2.5)


def test_money_is_told_of_what_has_a_price():
    (free,) = costs([judgement()], FREE)
    assert (free.spent.money, free.spent.unpriced) == (None, ["training", "labelling", "gate"])
    (priced,) = costs([judgement()], PRICED)
    # 100 s of training, 150 s of labelling, 2000 tokens in and 500 out.
    assert priced.spent.bill == {"training": pytest.approx(0.1), "labelling": pytest.approx(1.5), "gate": pytest.approx(0.03)}
    assert priced.spent.money == pytest.approx(1.63)
    assert priced.spent.unpriced == []


def test_where_nothing_was_gained_there_is_no_cost_of_a_point():
    (cost,) = costs([judgement(0.3, 0.3)], FREE)
    assert cost.per_point is None


def test_every_verdict_about_an_adapter_asked_tokens_and_the_latest_counts():
    first, second = judgement(0.4), replace(judgement(0.6), time=BEGIN + timedelta(days=1))
    (cost,) = costs([first, second], FREE)
    assert (cost.judgement.verdict_id, cost.spent.gate_tokens, cost.spent.training_s) == (second.verdict_id, 5000, 100)


def test_in_all_what_failed_was_spent_too_and_labels_count_once():
    found = [
        judgement(0.5, 0.3, adapter="sums@1", labels=50),
        judgement(0.4, 0.5, adapter="sums@2", labels=80, outcome="refused"),
        judgement(task="other", adapter="other@1"),
    ]
    other, sums = totals(costs(found, PRICED))
    assert (sums.task, sums.adapters, sums.passed) == ("sums", 2, 1)
    assert sums.points == pytest.approx(20)
    assert (sums.spent.training_s, sums.spent.labels, sums.spent.labelling_s) == (200, 80, 240)
    assert sums.spent.bill["labelling"] == pytest.approx(2.4), "of the larger dataset alone"
    assert other.task == "other"


def test_what_nobody_knows_is_told_as_such():
    (cost,) = costs([judgement(labels=None, tokens=None, training_seconds=None, training_tokens=None)], PRICED)
    assert cost.spent.amounts == (None,) * 6
    assert cost.spent.unpriced == ["training", "labelling", "gate"]
