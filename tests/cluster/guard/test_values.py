from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.contracts.generation import Json
from cluster.guard.refused import Refused
from cluster.guard.values import Place, change_texts, count_chars, shown_path

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)


@given(JSON)
def test_what_changes_nothing_leaves_every_value_as_it_is(value):
    changed = change_texts(value, lambda text, where: text, 100)
    assert changed == value
    assert repr(changed) == repr(value), "True is not 1"


def test_every_text_is_shown_once_with_its_place_in_order():
    seen: list[tuple[str, Place]] = []

    def note(text: str, where: Place) -> str:
        seen.append((text, where))
        return text.upper()

    assert change_texts({"a": ["x", {"b": "y"}], "c": 12}, note, 9) == {"A": ["X", {"B": "Y"}], "C": 12}
    assert seen == [
        ("a", Place((), is_key=True)),
        ("x", Place(("a", 0))),
        ("b", Place(("a", 1), is_key=True)),
        ("y", Place(("a", 1, "b"))),
        ("c", Place((), is_key=True)),
        ("12", Place(("c",), number=True)),
    ]
    assert [where.name for _, where in seen] == ["", "a", "", "b", "", "c"]


def test_keys_that_become_the_same_lose_nothing():
    value: Json = {"a@x.org": 1, "b@x.org": 2, "c@x.org": 3}
    assert change_texts(value, lambda text, where: "[EMAIL]" if where.is_key else text, 9) == {"[EMAIL]": 1, "[EMAIL] 2": 2, "[EMAIL] 3": 3}


def test_a_number_becomes_a_text_only_where_it_was_changed():
    assert change_texts([7, 4111, True, 1.5], lambda text, where: "x" if text == "4111" else text, 9) == [7, "x", True, 1.5]


def test_deeper_than_allowed_is_refused_and_the_limit_is_named():
    value: Json = [[["x"]]]
    assert change_texts(value, lambda text, where: text, 3) == value
    with pytest.raises(Refused, match=r"graphs\.guard_depth"):
        change_texts(value, lambda text, where: text, 2)


def test_numbers_of_any_size_are_read():
    huge = 10**5000
    assert change_texts(huge, lambda text, where: text, 1) == huge


def test_a_texts_length_is_its_own_and_anything_elses_that_of_its_json():
    assert count_chars("äb") == 2
    assert count_chars(["äb"]) == len('["äb"]')


def test_a_path_shows_no_personal_data_of_its_keys():
    assert shown_path(("people", "max@example.org", 0)) == "people.[EMAIL].0"
