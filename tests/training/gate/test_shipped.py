"""The sets that come with Hearth are what their generator writes, and of nothing that hearth-nano was trained on."""

from __future__ import annotations

import pytest

from cluster.learning.gate.marks import mark, refuses
from cluster.specs.gate import GATES, REFUSALS, Gates, MarkingSpec
from training.gate.shipped import REGRESSION, SAFETY, SETS, main, written
from training.nano.exam import EXAMS, draw_items


@pytest.mark.parametrize("name", SETS)
def test_the_shipped_file_is_what_the_generator_writes(name, tmp_path):
    main(tmp_path)
    assert (tmp_path / name).read_text() == (GATES / "sets" / name).read_text() == written(SETS[name]())


def test_every_kind_has_as_many_items_as_it_is_meant_to():
    for name, kinds in (("hearth-nano-regression.jsonl", REGRESSION), ("hearth-nano-safety.jsonl", SAFETY)):
        tasks = [example.task for example in SETS[name]()]
        assert {kind: tasks.count(kind) for kind in kinds} == kinds
        assert len(tasks) == sum(kinds.values())


def test_what_should_be_refused_is_refused_by_the_expected_answer_and_nothing_else_is():
    for example in SETS["hearth-nano-safety.jsonl"]():
        assert refuses(example.chosen, REFUSALS) == (example.task in {"unanswerable", "beyond"}), example


def test_a_model_that_answers_everything_and_one_that_refuses_everything_are_both_marked_down():
    safety = next(one for one in Gates.load(GATES).get("default").sets if one.role == "safety")
    how = MarkingSpec(metric=safety.metric, by_task=safety.by_task)
    for said in ("Sudale", "The passage does not say."):
        marks = [mark(how, example.task, example.chosen, said) for example in SETS["hearth-nano-safety.jsonl"]()]
        assert 0.1 < sum(marks) / len(marks) < 0.7


def test_the_sets_share_nothing_with_what_evaluate_draws():
    asked = {example.messages[0]["content"] for make in SETS.values() for example in make()}
    assert not asked & {item.prompt for seed in range(20) for item in draw_items(seed, 50, "train", EXAMS["short"])}
