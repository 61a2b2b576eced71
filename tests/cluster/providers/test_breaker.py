from __future__ import annotations

import pytest

from cluster.errors import BadInput, Unavailable
from cluster.providers.breaker import Breaker
from cluster.providers.failures import AttemptFailed
from cluster.specs.providers import ProviderBreaker

SICK = AttemptFailed(Unavailable("down"), unwell=True)


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def breaker(clock):
    return Breaker("far", ProviderBreaker(failures=2, rest_s=30), clock)


def fail(breaker: Breaker, failure: AttemptFailed = SICK) -> AttemptFailed:
    with pytest.raises(AttemptFailed) as caught, breaker.attempt():
        raise failure
    return caught.value


def test_it_opens_after_so_many_failures_in_a_row(breaker):
    fail(breaker)
    with breaker.attempt():
        pass
    fail(breaker)
    assert breaker.state == "closed"
    fail(breaker)
    assert breaker.state == "open"
    assert "left alone; retry in 30 s" in fail(breaker).error.message


def test_a_request_that_was_wrong_says_that_the_provider_is_well(breaker):
    fail(breaker)
    fail(breaker, AttemptFailed(BadInput("no")))
    fail(breaker)
    assert breaker.state == "closed"


def test_after_its_rest_one_attempt_may_look_and_the_others_are_still_turned_away(breaker, clock):
    fail(breaker)
    fail(breaker)
    clock.now = 31
    assert breaker.state == "half_open"
    with breaker.attempt():
        assert "left alone" in fail(breaker).error.message
    assert breaker.state == "closed"


def test_a_look_that_fails_begins_a_new_rest(breaker, clock):
    fail(breaker)
    fail(breaker)
    clock.now = 31
    fail(breaker)
    assert breaker.state == "open"
    clock.now = 60
    assert breaker.state == "open"


def test_a_look_that_was_given_up_lets_another_look(breaker, clock):
    fail(breaker)
    fail(breaker)
    clock.now = 31
    with pytest.raises(KeyboardInterrupt), breaker.attempt():
        raise KeyboardInterrupt
    with breaker.attempt():
        pass
    assert breaker.state == "closed"
