from __future__ import annotations

import math

import pytest

from cluster.learning.selection.uncertainty import disagreement, doubt, token_entropy

SURE = [[math.log(0.98), math.log(0.01)]] * 3
TORN = [[math.log(0.5), math.log(0.5)]] * 3


def test_a_model_that_is_torn_between_two_tokens_is_less_sure_than_one_that_is_not():
    assert doubt(TORN) == pytest.approx(1)
    assert doubt(SURE) == pytest.approx(0.03)
    sure, torn = token_entropy(SURE), token_entropy(TORN)
    assert sure is not None
    assert torn is not None
    assert sure < 0.2 < torn


def test_entropy_counts_what_the_alternatives_leave_out_and_reaches_1_where_all_is_equal():
    third = math.log(1 / 3)
    assert token_entropy([[third, third]]) == pytest.approx(1)
    assert token_entropy([[math.log(0.5), math.log(0.5)]]) == pytest.approx(math.log(2) / math.log(3))


def test_a_long_answer_is_not_unsure_because_it_is_long():
    assert token_entropy(SURE * 50) == pytest.approx(token_entropy(SURE) or 0)


@pytest.mark.parametrize("tokens", [[], [[]], [[-0.1]]])
def test_without_alternatives_nothing_is_said(tokens):
    assert token_entropy(tokens) is None
    assert doubt(tokens) is None


def test_answers_disagree_by_the_words_that_they_do_not_share():
    assert disagreement("At noon.", "at  NOON .") == 0
    assert disagreement("At noon", "On Monday") == 1
    assert disagreement("At noon", "At seven") == pytest.approx(0.5)
    assert disagreement("", "") == 0
    assert disagreement("", "words") == 1
