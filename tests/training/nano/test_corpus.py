"""The generated text: the same for the same seed, held-out values never in training, every answer to be found in its passage."""

from __future__ import annotations

from itertools import islice

import pytest

from training.nano.corpus import ABSTENTION, Conversation, conversations
from training.nano.corpus.passages import sentence_case
from training.nano.corpus.relations import RELATIONS
from training.nano.corpus.splits import split_of
from training.nano.corpus.stream import MIX
from training.nano.exam import EXAMS, draw_items


def drawn(seed: int, count: int = 400, progress: float = 1.0) -> list[Conversation]:
    return list(islice(conversations(seed, "train", progress), count))


def answers(texts: list[Conversation]) -> set[str]:
    about_passages = (text for text in texts if text.task in ("passage", "drill"))
    return {message.text for text in about_passages for message in text.messages if message.role == "assistant"} - {ABSTENTION}


@pytest.mark.parametrize("progress", [0.05, 0.3, 1.0])
def test_the_same_seed_gives_the_same_conversations(progress):
    assert drawn(5, 60, progress) == drawn(5, 60, progress)
    assert drawn(5, 60, progress) != drawn(6, 60, progress)


def test_the_same_seed_gives_the_same_examination():
    assert draw_items(9, 30) == draw_items(9, 30)
    assert draw_items(9, 30) != draw_items(10, 30)


def test_no_value_of_an_examination_is_ever_an_answer_in_training():
    asked = {item.answer for exam in EXAMS.values() for item in draw_items(3, 200, level=exam) if item.answerable}
    assert {split_of(answer) for answer in asked} == {"held_out"}
    assert {split_of(answer) for answer in answers(drawn(1))} == {"train"}


def test_every_answer_of_an_examination_stands_in_its_passage_and_an_abstention_in_none():
    for name, level in EXAMS.items():
        items = draw_items(4, 200, level=level)
        # At the start of a sentence it has a capital.
        assert all(item.answer in item.prompt or sentence_case(item.answer) in item.prompt for item in items if item.answerable), name
        assert not any(item.answer in item.prompt for item in items if not item.answerable), name
        assert 0.15 < sum(not item.answerable for item in items) / len(items) < 0.45, name


def test_every_task_of_the_curriculum_is_drawn():
    assert {text.task for text in drawn(2, 600, 0.2)} == set(MIX)


def test_the_held_out_phrasing_of_a_relation_is_not_among_those_of_training():
    for relation in RELATIONS:
        assert not set(relation.phrasings("held_out")) & set(relation.phrasings("train"))
        assert not set(relation.askings("held_out")) & set(relation.askings("train"))
