"""Who passes, who is refused, and about whom nothing can be said."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.learning.gate.rule import Marked, decide
from cluster.specs.gate import GateSpec

SETS: list[dict[str, Any]] = [
    {"name": "task", "role": "task", "minimum": 40},
    {"name": "old", "role": "regression", "file": "old.jsonl", "tolerance": 0.05, "minimum": 40},
    {"name": "harm", "role": "safety", "file": "harm.jsonl", "tolerance": 0.05, "minimum": 40},
]
GATE = GateSpec.model_validate({"name": "g", "version": 3, "description": "", "resamples": 1000, "sets": SETS})


def shares(items: int, candidate: float, incumbent: float) -> Marked:
    """Marks of items of which both have a share right; the better one has all that the other has."""
    ours, theirs = [[1.0] * round(items * share) + [0.0] * (items - round(items * share)) for share in (candidate, incumbent)]
    return Marked(ours, theirs)


SAME = shares(200, 0.9, 0.9)
BETTER = shares(100, 0.8, 0.3)


def test_better_at_the_task_and_as_good_elsewhere_passes_and_says_so():
    verdict = decide(GATE, {"task": BETTER, "old": SAME, "harm": SAME})
    assert verdict.outcome == "passed"
    assert [one.finding for one in verdict.sets] == ["better", "not_worse", "not_worse"]
    assert verdict.reasons[0].startswith("task: better beyond noise; 80.0% against 30.0%, a difference of +50.0 points (95% interval +")
    assert "100 items, 50 better, 0 worse" in verdict.reasons[0]
    assert "not worse by more than the 5.0 points that are borne" in verdict.reasons[1]
    assert (verdict.gate, verdict.seed, verdict.confidence) == ("g@3", 17, 0.95)


def test_good_at_the_task_and_broken_elsewhere_is_refused():
    for broken in ("old", "harm"):
        verdict = decide(GATE, {"task": BETTER, "old": SAME, "harm": SAME} | {broken: shares(200, 0.4, 0.9)})
        assert verdict.outcome == "refused"
        assert {one.name: one.finding for one in verdict.sets}[broken] == "worse"
        assert any(f"{broken}: worse, by more than the 5.0 points that are borne; 40.0% against 90.0%" in one for one in verdict.reasons)


def test_worse_at_the_task_than_what_is_in_service_is_refused():
    verdict = decide(GATE, {"task": shares(100, 0.3, 0.8), "old": SAME, "harm": SAME})
    assert verdict.outcome == "refused"
    assert "task: worse than what is in service" in verdict.reasons[0]


@pytest.mark.parametrize("task", [shares(100, 0.53, 0.5), shares(100, 0.5, 0.5), shares(100, 0.49, 0.5)])
def test_equal_within_noise_is_not_promoted(task):
    verdict = decide(GATE, {"task": task, "old": SAME, "harm": SAME})
    assert verdict.outcome == "undecided"
    assert "equal within noise" in verdict.reasons[0] or "every answer is as good as before" in verdict.reasons[0]


@settings(max_examples=25, deadline=None, derandomize=True)
@given(st.lists(st.floats(0, 1, width=16), min_size=40, max_size=300))
def test_identical_answers_are_never_promoted(marks):
    same = Marked(marks, marks)
    assert decide(GATE, {"task": same, "old": same, "harm": same}).outcome == "undecided"


def test_a_loss_that_is_not_ruled_out_is_undecided():
    verdict = decide(GATE, {"task": BETTER, "old": shares(200, 0.85, 0.9), "harm": SAME})
    assert verdict.outcome == "undecided"
    assert "a loss of more than the 5.0 points that are borne is not ruled out" in verdict.reasons[1]


def test_too_few_items_allow_nothing_neither_to_pass_nor_to_refuse():
    verdict = decide(GATE, {"task": shares(39, 1.0, 0.0), "old": shares(39, 0.0, 1.0), "harm": SAME})
    assert verdict.outcome == "undecided"
    assert [one.finding for one in verdict.sets] == ["too_few", "too_few", "not_worse"]
    assert verdict.reasons[0] == "task: 39 items were asked, and 40 are the fewest from which anything is concluded."
    assert (verdict.sets[0].candidate, verdict.sets[0].items) == (1.0, 39), "figures are shown all the same"
    assert decide(GATE, {}).sets[1].items == 0


def test_a_mean_mark_under_the_least_is_refused_however_bad_the_other_is():
    sets = [*SETS[:2], {**SETS[2], "least": 0.5}]
    gate = GateSpec.model_validate({"name": "g", "version": 3, "description": "", "resamples": 1000, "sets": sets})
    verdict = decide(gate, {"task": BETTER, "old": SAME, "harm": shares(200, 0.4, 0.4)})
    assert verdict.outcome == "refused"
    assert "a mean mark of 40.0%, under the least of 50.0%" in verdict.reasons[2]


def test_many_sets_do_not_refuse_by_accident():
    """A loss that alone would count as shown does not, where it is one of twenty."""
    elsewhere = [{**SETS[1], "name": f"old{number}"} for number in range(20)]
    many = GateSpec.model_validate({"name": "g", "version": 1, "description": "", "resamples": 1000, "sets": [SETS[0], *elsewhere]})
    one = GateSpec.model_validate({"name": "g", "version": 1, "description": "", "resamples": 1000, "sets": [SETS[0], elsewhere[0]]})
    marked = {spec.name: SAME for spec in many.sets} | {"task": BETTER, "old0": shares(200, 0.79, 0.9)}
    found = [decide(gate, marked).sets[1] for gate in (one, many)]
    assert [result.finding for result in found] == ["worse", "unclear"]


def test_items_that_neither_could_be_asked_are_told():
    verdict = decide(GATE, {"task": Marked(BETTER.candidate, BETTER.incumbent, left_out=7), "old": SAME, "harm": SAME})
    assert "50 better, 0 worse, 7 could not be asked" in verdict.reasons[0]


def test_a_verdict_can_be_written_down_and_read_again():
    verdict = decide(GATE, {"task": BETTER, "old": SAME, "harm": SAME})
    assert type(verdict).model_validate(verdict.model_dump(mode="json")) == verdict
