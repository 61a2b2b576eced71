"""The learning proof without a cluster: what is asked, who corrects it, and the figures."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from cluster.bench import learning
from cluster.bench.learning_ledger import Ledger, Service, Speed
from cluster.bench.learning_marks import Point, band, gained, lost, share_needed
from cluster.bench.learning_task import FIELDS, KNOWN, TASK, Asked, Maker, held_out, traffic
from cluster.bench.learning_user import feedback_of, is_right
from cluster.learning.analytics.efficiency import labels_for

HOME = Asked("home", "Note: Brada lives in Tofford.\n\nCard:", "home: Tofford")


def point(strategy: str, labels: int, right: int, of: int = 20, seed: int = 1, **more: object) -> Point:
    told = {"strategy": strategy, "labels": labels, "corrections": labels // 2, "right": [True] * right + [False] * (of - right)}
    return Point.model_validate({"seed": seed, **told, **more})


# Active reaches with 100 labels what the random choice has with 200.
CURVES = [
    *(point("active", labels, right) for labels, right in ((0, 0), (50, 8), (100, 12), (200, 16))),
    *(point("random", labels, right) for labels, right in ((0, 0), (50, 4), (100, 8), (200, 12))),
]


def test_the_same_seed_asks_the_same_and_another_one_something_else():
    assert traffic(1, 50) == traffic(1, 50)
    assert traffic(1, 50) != traffic(2, 50)
    assert held_out(1, 50) == held_out(1, 50)
    assert held_out(1, 50) != held_out(2, 50)


def test_half_of_the_traffic_is_known_and_first_fields_are_frequent():
    kinds = Counter(one.kind for one in traffic(1, 2000))
    assert 900 < kinds[KNOWN] < 1100
    assert set(kinds) == {KNOWN, *(field.code for field in FIELDS)}
    assert kinds[FIELDS[0].code] > 5 * kinds[FIELDS[-1].code]


def test_of_what_is_held_out_each_field_has_as_many():
    assert set(Counter(one.kind for one in held_out(1, 5 * len(FIELDS))).values()) == {5}


def test_the_answer_stands_in_the_note_behind_the_word_of_its_field():
    for one in held_out(3, 120):
        word, _, value = one.answer.partition(": ")
        assert (word, value in one.prompt) == (one.kind, True)


@pytest.mark.parametrize("kind", ["person", "town", "firm", "object", "room", "number", "date"])
def test_names_and_values_that_are_held_out_are_in_no_traffic(kind):
    makers = {split: Maker(Random(7), split) for split in ("traffic", "held_out")}
    made = {split: {maker.value(kind) for _ in range(400)} for split, maker in makers.items()}
    assert len(made["held_out"]) > 10
    assert not made["traffic"] & made["held_out"]


def test_a_wording_that_is_held_out_is_in_no_traffic():
    told = " ".join(one.prompt for one in traffic(1, 1000))
    assert " has a home in " in told
    assert "The home of " not in told
    assert any("The home of " in one.prompt for one in held_out(1, 24))


def test_the_user_corrects_what_is_wrong_and_likes_what_is_right():
    assert feedback_of(HOME, "home: Tofford ") == {"thumb": "up", "task": TASK}
    assert feedback_of(HOME, "Tofford") == {"correction": "home: Tofford", "task": TASK}
    assert not is_right(HOME, "")


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
