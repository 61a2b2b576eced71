"""The learning proof without a cluster: the figures, what is kept of them, and what the summary says."""

from __future__ import annotations

import pytest

from cluster.bench import learning
from cluster.bench.learning_ledger import Ledger, Service, Speed
from cluster.bench.learning_marks import Point, band, gained, lost, share_needed
from cluster.learning.analytics.efficiency import labels_for


def point(strategy: str, labels: int, right: int, of: int = 20, seed: int = 1, **more: object) -> Point:
    told = {"strategy": strategy, "labels": labels, "corrections": labels // 2, "right": [True] * right + [False] * (of - right)}
    return Point.model_validate({"seed": seed, **told, **more})


# Active reaches with 100 labels what the random choice has with 200.
CURVES = [
    *(point("active", labels, right) for labels, right in ((0, 0), (50, 8), (100, 12), (200, 16))),
    *(point("random", labels, right) for labels, right in ((0, 0), (50, 4), (100, 8), (200, 12))),
]


def test_a_band_holds_the_mean_and_is_narrower_with_more_questions():
    few, many = (band([point("active", 50, of // 2, of, seed) for seed in (1, 2, 3)]) for of in (10, 1000))
    assert few.low < few.mean == 0.5 < few.high
    assert many.high - many.low < few.high - few.low


def test_a_band_is_wider_where_seeds_differ():
    same = band([point("active", 50, 500, 1000, seed) for seed in (1, 2, 3)])
    apart = band([point("active", 50, right, 1000, seed) for seed, right in ((1, 200), (2, 500), (3, 800))])
    assert apart.high - apart.low > 3 * (same.high - same.low)


@pytest.mark.parametrize(
    ("wanted", "labels"),
    [(0.0, 0.0), (0.2, 25.0), (0.4, 50.0), (0.5, 75.0), (0.61, None)],
    ids=["at once", "between", "at a point", "late", "never"],
)
def test_labels_are_counted_along_straight_lines(wanted, labels):
    assert labels_for([(0, 0.0), (50, 0.4), (100, 0.6)], wanted) == pytest.approx(labels)


def test_half_of_the_labels_are_enough_where_active_is_twice_as_steep():
    assert share_needed(CURVES) == pytest.approx(0.5)


def test_no_share_is_told_where_active_never_is_as_good():
    worse = [one.model_copy(update={"strategy": "random" if one.strategy == "active" else "active"}) for one in CURVES]
    assert share_needed(worse) is None


def test_what_is_gained_and_lost():
    assert gained(CURVES, "active") == pytest.approx(0.8)
    assert lost([point("active", 200, 1, old=0.70, old_base=0.72), point("random", 50, 1, old=0.1, old_base=0.72)]) == pytest.approx(0.02)
    assert lost(CURVES) is None


def test_what_was_measured_is_found_again_and_another_plan_has_its_own(tmp_path):
    Ledger(tmp_path, "one").add(point("active", 50, 3))
    again = Ledger(tmp_path, "one")
    assert again.points == [point("active", 50, 3)]
    assert again.has(1, "active", 50)
    assert not again.has(1, "random", 50)
    assert not Ledger(tmp_path, "other").points


def test_what_else_was_measured_is_kept_beside_the_points(tmp_path):
    speed = Ledger(tmp_path, "one").keep(Speed(ours=(1.0,), plain=(2.0,)))
    assert Ledger(tmp_path, "one").kept(Speed) == speed
    assert Ledger(tmp_path, "one").kept(Service) is None


def test_a_line_that_was_cut_off_is_measured_again(tmp_path):
    Ledger(tmp_path, "one").add(point("active", 50, 3))
    with (tmp_path / "one.jsonl").open("a") as file:
        file.write('{"seed": 1, "strat')
    assert len(Ledger(tmp_path, "one").points) == 1


def test_the_summary_says_what_was_reached():
    served = Service(promote_s=(0.2, 0.3), roll_back_s=(0.1,), asked=50, failed=0)
    result = learning.summarise(CURVES, served, Speed(ours=(100.0, 110.0), plain=(100.0, 100.0)))
    met = [verdict.met for verdict in result.verdicts]
    assert met == [True, True, None, True, True]
    assert [row[:2] for row in result.rows[:2]] == [("active", 0), ("active", 50)]
    (plot,) = result.plots
    assert set(plot.series) == set(plot.bands) == {"active", "random"}


@pytest.mark.parametrize(("slowest", "failed"), [(2.1, 0), (0.1, 1)])
def test_a_slow_promotion_and_a_failed_request_are_no_success(slowest, failed):
    served = Service(promote_s=(slowest,), roll_back_s=(0.1,), asked=50, failed=failed)
    result = learning.summarise(CURVES, served, Speed(ours=(90.0,), plain=(100.0,)))
    assert [verdict.met for verdict in result.verdicts[-2:]] == [False, False]
