"""The machine of states: what may follow what."""

from __future__ import annotations

import pytest

from cluster.jobs.states import ENDED, FOLLOWING, JobState, origins


@pytest.mark.parametrize("state", JobState)
def test_every_state_can_be_reached_and_what_succeeded_stays(state: JobState):
    assert state in FOLLOWING
    assert origins(state)
    assert FOLLOWING[JobState.SUCCEEDED] == frozenset()


def test_no_end_is_taken_back_but_by_trying_again():
    assert {following for state in ENDED for following in FOLLOWING[state]} == {JobState.QUEUED}


def test_only_what_runs_can_succeed():
    assert origins(JobState.SUCCEEDED) == {JobState.RUNNING}
