from __future__ import annotations

import re

import pytest

from cluster.guard import accounts, contacts, encoded, finding, folding, framing, identities, injection, leaks, mentions
from tests.cluster.guard.patterns import patterns_in, ways

MODULES = (accounts, contacts, encoded, finding, folding, framing, identities, injection, leaks, mentions)
# Most ways to try one pattern from one place, counted as if every part of it could match anything. Real texts allow a few dozen.
MOST = 250_000


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module.__name__.rpartition(".")[2])
def test_no_pattern_can_be_made_to_try_without_end(module):
    patterns = list(patterns_in(module))
    assert patterns
    for pattern in patterns:
        assert ways(pattern) <= MOST, pattern.pattern


def test_every_rule_is_among_the_patterns_that_are_looked_at():
    assert {rule.pattern for rule in injection.RULES} <= set(patterns_in(injection))


@pytest.mark.parametrize("bad", [r"(?:a+)+b", r"a*b", r"(?:a{1,9}){1,9}b", r"(?:a|b+)c"])
def test_a_pattern_that_could_is_told(bad):
    with pytest.raises(AssertionError):
        ways(re.compile(bad))
