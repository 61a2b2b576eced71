from __future__ import annotations

from random import Random

import pytest

from cluster.learning.releases.statistics import anytime, block_of, compare_latencies, compare_rates, needed, newcombe


def outcomes(random: Random, share: float, count: int = 300) -> list[bool]:
    return [random.random() < share for _ in range(count)]


def looks(candidate: list[bool], control: list[bool]) -> float:
    """The least p-value that somebody ever sees who looks after each outcome."""
    return anytime(candidate, control, 1, 1)


def test_the_interval_is_the_one_that_newcombe_published():
    assert newcombe(56, 70, 48, 80, 0.95) == pytest.approx((0.0524, 0.3339), abs=1e-4)
    assert newcombe(0, 10, 0, 10, 0.95) == pytest.approx((-0.2775, 0.2775), abs=1e-4)


def test_looking_again_and_again_at_equal_arms_shows_something_no_oftener_than_agreed():
    random, tries = Random(7), 500
    wrong = sum(looks(outcomes(random, 0.7), outcomes(random, 0.7)) <= 0.05 for _ in range(tries))
    assert wrong / tries <= 0.05


def test_what_is_better_is_found():
    random = Random(8)
    assert sum(looks(outcomes(random, 0.85), outcomes(random, 0.6)) <= 0.05 for _ in range(50)) >= 45


def test_a_p_value_that_was_reached_stays_whatever_comes_later():
    random = Random(9)
    ours, theirs = outcomes(random, 0.9, 100), outcomes(random, 0.5, 100)
    reached = looks(ours, theirs)
    later = looks(ours + outcomes(random, 0.5), theirs + outcomes(random, 0.9))
    assert later <= reached < 0.01


@pytest.mark.parametrize(("percent", "block"), [(50, (1, 1)), (10, (1, 9)), (90, (9, 1)), (0.01, (1, 20)), (100, (20, 1)), (33.4, (1, 2))])
def test_a_block_is_as_people_are_assigned(percent: float, block: tuple[int, int]):
    assert block_of(percent) == block


def test_rates_are_compared_as_far_as_there_are_any():
    nothing = compare_rates([], [True], 50, 0.05)
    assert (nothing.candidate, nothing.control, nothing.difference, nothing.p_anytime) == (None, 1.0, None, 1.0)
    found = compare_rates([True] * 30 + [False] * 3, [True] * 10 + [False] * 20, 50, 0.05)
    assert found.difference is not None
    assert found.difference == pytest.approx(30 / 33 - 1 / 3)
    assert found.low is not None
    assert found.high is not None
    assert 0 < found.low < found.difference < found.high < 1
    assert found.p_value is not None
    assert found.p_value < 1e-4
    same = compare_rates([True] * 20, [True] * 20, 50, 0.05)
    assert (same.difference, same.p_value, same.p_anytime) == (0.0, 1.0, 1.0)


def test_the_sample_needed_is_that_of_the_textbook():
    even = needed(0.5, 0.1, 50, 0.05, 0.8)
    assert even.candidate == even.control == pytest.approx(388, abs=1)
    narrow = needed(0.5, 0.1, 10, 0.05, 0.8)
    assert narrow.candidate < even.candidate < narrow.control == pytest.approx(9 * narrow.candidate, abs=9)
    for share in (0.0, 1.0, None):
        assert needed(share, 0.1, 50, 0.05, 0.8).candidate > 0
    assert needed(0.5, 0.05, 50, 0.05, 0.8).candidate > even.candidate


def test_latencies_are_compared_by_their_medians():
    found = compare_latencies([100, 120, 110, 130, 140, 90], [200, 210, 190, 220, 240, 230], 0.05)
    assert (found.candidate, found.control, found.difference) == (115, 215, -100)
    assert found.low is not None
    assert found.high is not None
    assert found.low < -100 < found.high < 0
    assert compare_latencies([100], [200], 0.05).p_value is None
    assert compare_latencies([], [200], 0.05).candidate is None
