"""Which steps are done again."""

from __future__ import annotations

import pytest

from cluster.graphs.redoing import later


@pytest.mark.parametrize("key", ["a#3", "a#3[0]", "a#3[0]:1", "a#3/inner#1", "a#10", "b#1", "b#1[2]/c#1"])
def test_visits_behind_those_that_were_made_are_later(key):
    assert later(key, {"a": 2})


@pytest.mark.parametrize("key", ["a#1", "a#2", "a#2[7]", "a#2:1", "a#2/inner#9", "a#2[1]/b#5"])
def test_what_belongs_to_a_visit_that_was_made_is_not(key):
    assert not later(key, {"a": 2})
