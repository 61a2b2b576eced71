"""Seconds add up by stage, also those of what fails, and are told once."""

from __future__ import annotations

import pytest

from pipelines.ingest.stopwatch import Stopwatch


def test_seconds_are_of_the_stages_that_ran_and_are_told_once():
    watch = Stopwatch()
    with watch("parse"):
        pass
    with pytest.raises(ValueError, match="broken"), watch("chunk"):
        raise ValueError("broken")
    assert list(watch.each("read", "ab")) == ["a", "b"]
    taken = watch.taken()
    assert set(taken) == {"parse", "chunk", "read"}
    assert all(seconds >= 0 for seconds in taken.values())
    assert watch.taken() == {}


def test_what_is_done_between_two_items_is_not_theirs():
    watch = Stopwatch()
    for _ in watch.each("read", range(3)):
        with watch("parse"):
            sum(range(200_000))
    taken = watch.taken()
    assert taken["read"] < taken["parse"]
