"""What is concluded from marks, and how often that is wrong."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cluster.learning.gate.statistics import Drawn, compare, holm

DRAWN = Drawn(confidence=0.95, resamples=1000, seed=17)
MARKS = st.floats(0, 1, allow_nan=False, width=32)
PAIRS = st.lists(st.tuples(MARKS, MARKS), min_size=1, max_size=60)
WORLDS = 200
quickly = settings(max_examples=40, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
# Each example is many drawn worlds.
seldom = settings(max_examples=4, deadline=None, derandomize=True)


def drawn_pairs(random: np.random.Generator, items: int, win: float, loss: float) -> tuple[list[float], list[float]]:
    """Marks of items of which a share is won, a share lost, and the rest is as it was."""
    gains = random.choice([1.0, -1.0, 0.0], size=items, p=[win, loss, 1 - win - loss])
    return [float(gain > 0) for gain in gains], [float(gain < 0) for gain in gains]


@quickly
@given(PAIRS)
def test_the_interval_holds_the_mean_and_no_more_than_marks_can_differ(pairs):
    found = compare([a for a, _ in pairs], [b for _, b in pairs], 0.05, DRAWN)
    assert -1 <= found.low <= found.mean + 1e-9
    assert found.mean - 1e-9 <= found.high <= 1
    assert found.wins + found.losses <= found.items == len(pairs)
    assert found.mean == pytest.approx(found.candidate - found.incumbent)


@quickly
@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_items_does_not_matter(pairs, random):
    shuffled = random.sample(pairs, len(pairs))
    told = [compare([a for a, _ in some], [b for _, b in some], 0.05, DRAWN) for some in (pairs, shuffled)]
    assert told[0] == told[1]


@quickly
@given(st.lists(MARKS, min_size=1, max_size=200))
def test_identical_answers_are_never_better_and_never_worse(marks):
    found = compare(marks, marks, 0.03, DRAWN)
    assert (found.mean, found.wins, found.losses) == (0, 0, 0)
    assert found.p_better == 1
    assert found.p_worse == 1


@quickly
@given(PAIRS)
def test_changing_sides_changes_the_sign(pairs):
    ours, theirs = [a for a, _ in pairs], [b for _, b in pairs]
    one, other = compare(ours, theirs, 0.0, DRAWN), compare(theirs, ours, 0.0, DRAWN)
    assert one.mean == pytest.approx(-other.mean)
    assert (one.wins, one.losses) == (other.losses, other.wins)


def test_the_same_seed_gives_the_same_figures_and_another_one_others():
    ours, theirs = drawn_pairs(np.random.default_rng(1), 80, 0.3, 0.1)
    assert compare(ours, theirs, 0.03, DRAWN, "a") == compare(ours, theirs, 0.03, DRAWN, "a")
    other = compare(ours, theirs, 0.03, Drawn(0.95, 1000, 18), "a")
    assert (other.low, other.high) != (compare(ours, theirs, 0.03, DRAWN, "a").low, compare(ours, theirs, 0.03, DRAWN, "a").high)


@seldom
@given(st.integers(60, 200), st.floats(0.02, 0.4), st.floats(0.02, 0.4))
def test_the_interval_covers_the_truth_as_often_as_it_says(items, win, loss):
    random = np.random.default_rng(5)
    covered = 0
    for _ in range(WORLDS):
        found = compare(*drawn_pairs(random, items, win, loss), 0.0, DRAWN)
        covered += found.low <= win - loss <= found.high
    assert covered / WORLDS >= 0.93, "95 % is what it says"


@seldom
@given(st.integers(50, 150), st.floats(0.05, 0.4))
def test_what_is_equal_within_noise_is_seldom_called_better_or_worse(items, share):
    random = np.random.default_rng(6)
    better = worse = 0
    for _ in range(WORLDS):
        found = compare(*drawn_pairs(random, items, share, share), 0.0, DRAWN)
        better += found.p_better < DRAWN.level
        worse += found.p_worse < DRAWN.level
    assert better / WORLDS <= 0.05, "2.5 % is what it says"
    assert worse / WORLDS <= 0.05


@pytest.mark.parametrize("items", [150, 240])
def test_a_loss_as_large_as_is_borne_is_seldom_called_none(items):
    random = np.random.default_rng(7)
    passed = sum(compare(*drawn_pairs(random, items, 0.0, 0.03), 0.03, DRAWN).p_not_worse < DRAWN.level for _ in range(WORLDS))
    assert passed / WORLDS <= 0.08, "the rarer a loss, the coarser the bootstrap"


def test_few_items_without_a_loss_do_not_show_that_there_is_none():
    assert compare([1.0] * 50, [1.0] * 50, 0.03, DRAWN).p_not_worse > DRAWN.level
    assert compare([1.0] * 240, [1.0] * 240, 0.03, DRAWN).p_not_worse < DRAWN.level


def test_a_large_gain_is_better_and_a_large_loss_worse():
    ours, theirs = [1.0] * 40 + [0.0] * 20, [0.0] * 40 + [0.0] * 20
    assert compare(ours, theirs, 0.0, DRAWN).p_better < DRAWN.level
    assert compare(theirs, ours, 0.05, DRAWN).p_worse < DRAWN.level


def test_marks_of_other_items_are_not_compared():
    for ours, theirs in (([], []), ([1.0], [1.0, 0.0])):
        with pytest.raises(ValueError, match="same items"):
            compare(ours, theirs, 0.0, DRAWN)


def test_holm_is_what_its_paper_says():
    assert holm({"a": 0.01, "b": 0.04, "c": 0.03}) == pytest.approx({"a": 0.03, "c": 0.06, "b": 0.06})
    assert holm({"a": 0.9, "b": 0.8}) == {"b": 1.0, "a": 1.0}
    assert holm({}) == {}


@quickly
@given(st.dictionaries(st.text(min_size=1), st.floats(0, 1), min_size=1, max_size=8))
def test_holm_raises_every_chance_and_keeps_their_order(chances):
    corrected = holm(chances)
    assert all(chances[name] <= corrected[name] <= 1 for name in chances)
    ordered = sorted(chances, key=lambda name: chances[name])
    assert all(corrected[a] <= corrected[b] for a, b in pairwise(ordered) if chances[a] < chances[b])
