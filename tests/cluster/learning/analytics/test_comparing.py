"""Whether a drift is found where there is one, and not where there is none."""

from __future__ import annotations

import numpy as np
import pytest

from cluster.learning.analytics.comparing import compare_rates, compare_texts
from cluster.learning.analytics.drift import How
from cluster.learning.analytics.quality import Rate

HOW = How(resamples=299, level=0.01, least=0.02, fewest=20)


def texts(count: int, seed: int, towards: float = 0.0) -> np.ndarray:
    """Vectors of length 1, around one direction; the larger ``towards``, the more around another one."""
    vectors = np.random.default_rng(seed).normal(size=(count, 16))
    vectors[:, 0] += 2.0 * (1.0 - towards)
    vectors[:, 1] += 2.0 * towards
    directions: np.ndarray = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return directions


def test_the_same_kind_of_texts_is_steady():
    found = [compare_texts(texts(60, seed), texts(60, 100 + seed), HOW) for seed in range(10)]
    assert [one.finding for one in found] == ["steady"] * 10
    chances = [one.p for one in found if one.p is not None]
    assert max(chances) - min(chances) > 0.5, "they are spread over all of 0 to 1"


def test_another_kind_of_texts_has_drifted():
    found = compare_texts(texts(60, 1), texts(60, 2, towards=1.0), HOW)
    assert found.finding == "drifted"
    assert found.p == pytest.approx(1 / 300)
    assert found.effect is not None
    assert found.effect > HOW.least
    assert found.nearness is not None
    assert found.nearness.unfamiliar > 0.3
    assert found.nearness.recent[10] > found.nearness.trained[10], "half of them are farther than half of those that were trained on"


def test_of_what_is_the_same_about_a_twentieth_is_unfamiliar():
    found = compare_texts(texts(200, 1), texts(200, 2), HOW)
    assert found.nearness is not None
    assert found.nearness.unfamiliar < 0.15


def test_a_difference_that_nobody_minds_is_no_drift():
    small = compare_texts(texts(400, 1), texts(400, 2, towards=0.15), HOW)
    assert small.p is not None
    assert small.p < HOW.level
    assert small.finding == "steady", "it is certain, and small"


def test_from_few_texts_nothing_is_concluded():
    found = compare_texts(texts(19, 1), texts(60, 2), HOW)
    assert (found.finding, found.p, found.nearness) == ("too_few", None, None)


def test_texts_that_are_all_the_same_are_steady():
    same = np.repeat(texts(1, 1), 30, axis=0)
    found = compare_texts(same, same, HOW)
    assert (found.finding, found.effect) == ("steady", 0.0)


def test_rates_are_compared_exactly_and_corrected_for_being_several():
    before = {"approval": Rate(90, 100), "corrections": Rate(5, 100), "discarded": Rate(1, 2)}
    now = {"approval": Rate(60, 100), "corrections": Rate(7, 100), "discarded": Rate(0, 0)}
    found = compare_rates(before, now, 0.01)
    assert {name: one.finding for name, one in found.items()} == {"approval": "drifted", "corrections": "steady", "discarded": "too_few"}
    alone = compare_rates({"approval": before["approval"]}, {"approval": now["approval"]}, 0.01)["approval"].p
    assert alone is not None
    assert found["approval"].p == pytest.approx(2 * alone)
    assert found["discarded"].p is None
