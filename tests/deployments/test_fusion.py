from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployments.fusion import marginal_relevance, reciprocal_ranks

RANKED = st.lists(st.integers(0, 20), unique=True)


def test_ranks_add_up_as_in_the_paper() -> None:
    fused = reciprocal_ranks({"dense": ["a", "b"], "sparse": ["b", "c"]}, 60, {})
    assert fused == {"b": pytest.approx(1 / 62 + 1 / 61), "a": pytest.approx(1 / 61), "c": pytest.approx(1 / 62)}
    assert list(fused) == ["b", "a", "c"]


def test_a_weight_of_zero_leaves_a_part_without_a_say() -> None:
    assert list(reciprocal_ranks({"dense": ["a", "b"], "sparse": ["b"]}, 60, {"sparse": 0.0})) == ["a", "b"]


@given(RANKED)
def test_one_list_keeps_its_order(items: list[int]) -> None:
    assert list(reciprocal_ranks({"only": items}, 60, {})) == items


@given(RANKED, RANKED)
def test_everything_found_is_kept_and_agreement_wins(left: list[int], right: list[int]) -> None:
    fused = reciprocal_ranks({"left": left, "right": right}, 60, {})
    assert set(fused) == {*left, *right}
    assert list(fused.values()) == sorted(fused.values(), reverse=True)
    if left and right and left[0] == right[0]:
        assert next(iter(fused)) == left[0]


@given(st.lists(st.floats(0.01, 1), min_size=1, max_size=12), st.integers(1, 15))
def test_relevance_alone_keeps_the_order_of_scores(scores: list[float], limit: int) -> None:
    ordered = sorted(scores, reverse=True)
    vectors = [np.array([1.0, score], dtype=np.float32) for score in ordered]
    assert marginal_relevance(ordered, vectors, 1.0, limit) == list(range(min(limit, len(ordered))))


def test_difference_alone_takes_the_most_unlike_next() -> None:
    vectors = [np.array(one, dtype=np.float32) for one in ([1, 0], [1, 0.1], [0, 1])]
    assert marginal_relevance([0.9, 0.8, 0.1], vectors, 0.0, 3) == [0, 2, 1]


def test_what_has_no_vector_is_like_nothing_and_no_hits_are_no_hits() -> None:
    assert marginal_relevance([1.0, 0.9, 0.5], [np.ones(2, np.float32), np.ones(2, np.float32), None], 0.4, 2) == [0, 2]
    assert marginal_relevance([], [], 0.5, 5) == []
