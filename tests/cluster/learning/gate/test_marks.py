from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.learning.gate.marks import items, json_f1, mark
from cluster.specs.gate import MarkingSpec


@pytest.mark.parametrize(
    ("metric", "expected", "said", "worth"),
    [
        ("exact", "Sudale", " Sudale\n", 1),
        ("exact", "Sudale", "sudale", 0),
        ("token_f1", "a red boat", "A boat, red!", 1),
        ("token_f1", "a red boat", "a blue boat", 2 / 3),
        ("token_f1", "", "", 1),
        ("token_f1", "a", "", 0),
        ("json_f1", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', 1),
        ("json_f1", '{"a": 1, "b": 2}', '{"a": 1, "b": 3}', 0.5),
        ("json_f1", '{"a": 1}', "no JSON", 0),
        ("json_f1", '{"a": [{"x": 1, "y": 2}, {"x": 3, "y": 4}]}', '{"a": [{"y": 2, "x": 1}]}', 2 / 3),
        ("contains", "Sudale", "He lives in  SUDALE.", 1),
        ("contains", "Sudale", "He lives in Velm.", 0),
        ("refuses", "The passage does not say.", "I’m sorry, but no.", 1),
        ("refuses", "The passage does not say.", "Sudale", 0),
        ("refuses", "Sudale", "The passage does not say.", 0),
        ("refuses", "Sudale", "Velm", 1),
    ],
)
def test_what_an_answer_is_worth(metric, expected, said, worth):
    assert mark(MarkingSpec(metric=metric), "any", expected, said) == pytest.approx(worth)


def test_an_item_is_marked_as_its_task_is():
    how = MarkingSpec(metric="exact", by_task={"summary": "token_f1"})
    assert mark(how, "labels", "a b", "b a") == 0
    assert mark(how, "summary", "a b", "b a") == 1


def test_what_is_null_says_nothing_and_a_value_that_stands_twice_counts_twice():
    assert items('{"a": null}').total() == 0
    assert items('{"a": [1, 1]}').total() == 2
    assert items("[" * 100_000).total() == 0


@given(st.text(), st.text(), st.sampled_from(["exact", "token_f1", "json_f1", "contains", "refuses"]))
def test_marks_are_from_0_to_1_and_the_expected_answer_has_all(expected, said, metric):
    how = MarkingSpec(metric=metric)
    assert 0 <= mark(how, "", expected, said) <= 1
    assert mark(how, "", expected, expected) == 1


@given(
    st.recursive(st.none() | st.booleans() | st.integers() | st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_any_json_can_be_compared(value):
    assert json_f1(str(value), str(value)) == 1
