"""Curves of score by labels, and what active choice saves."""

from __future__ import annotations

import pytest

from cluster.learning.analytics.efficiency import Point, curves, labels_for, savings
from tests.cluster.learning.analytics.judged import judgement


def test_a_curve_is_of_one_task_one_base_and_one_way_to_choose():
    found = curves([judgement(0.5, labels=50), judgement(0.6, labels=100), judgement(chosen="random"), judgement(task="other")])
    assert [(curve.task, curve.chosen, len(curve.points)) for curve in found] == [
        ("other", "active", 1),
        ("sums", "active", 2),
        ("sums", "random", 1),
    ]


def test_several_seeds_with_as_many_labels_are_one_point_with_its_spread():
    (curve,) = curves([judgement(0.4), judgement(0.6), judgement(0.8)])
    (point,) = curve.points
    assert point.score == pytest.approx(0.6)
    assert point == Point(50, point.score, 0.4, 0.8, 3)


def test_scores_on_other_items_are_told():
    (curve,) = curves([judgement(0.5), judgement(0.6, labels=60, items_sha256="b" * 64)])
    assert curve.item_sets == 2


def test_what_was_trained_on_nothing_that_is_here_is_in_no_curve():
    assert curves([judgement(labels=None)]) == []


def test_labels_between_two_points_lie_on_a_straight_line():
    points = [(0, 0.2), (100, 0.4), (200, 0.3)]
    assert labels_for(points, 0.3) == pytest.approx(50)
    assert labels_for(points, 0.1) == 0
    assert labels_for(points, 0.5) is None


def test_active_choice_saves_the_labels_that_it_does_not_need():
    at_random = [judgement(0.3, labels=50, chosen="random"), judgement(0.6, labels=200, chosen="random")]
    actively = [judgement(0.4, labels=50), judgement(0.6, labels=100), judgement(0.7, labels=200)]
    (saving,) = savings(curves([*at_random, *actively]))
    assert (saving.score, saving.random) == (0.6, 200)
    assert saving.active == pytest.approx(100)
    assert saving.share == pytest.approx(0.5)
    (behind,) = savings(curves([*at_random, judgement(0.4, labels=50)]))
    assert (behind.active, behind.share) == (None, None)
    assert savings(curves(at_random)) == []
