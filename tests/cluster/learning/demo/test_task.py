"""What the demo asks, and who corrects the answers."""

from __future__ import annotations

from collections import Counter
from random import Random

import pytest

from cluster.learning.demo.task import FIELDS, KNOWN, TASK, Asked, Maker, held_out, taught, traffic
from cluster.learning.demo.user import feedback_of, is_right

HOME = Asked("home", "Note: Brada lives in Tofford.\n\nCard:", "home: Tofford")


def test_the_same_seed_asks_the_same_and_another_one_something_else():
    assert traffic(1, 50) == traffic(1, 50)
    assert traffic(1, 50) != traffic(2, 50)
    assert held_out(1, 50) == held_out(1, 50)
    assert held_out(1, 50) != held_out(2, 50)


def test_half_of_the_traffic_is_known_and_first_fields_are_frequent():
    kinds = Counter(one.kind for one in traffic(1, 2000))
    assert 900 < kinds[KNOWN] < 1100
    assert set(kinds) == {KNOWN, *(field.code for field in FIELDS)}
    assert kinds[FIELDS[0].code] > 5 * kinds[FIELDS[-1].code]


def test_what_is_known_is_asked_again_only_when_all_of_it_was_asked():
    known = [one.prompt for one in traffic(4, 3 * len(taught())) if one.kind == KNOWN]
    first, again = known[: len(taught())], known[len(taught()) :]
    assert sorted(first) == sorted(one.prompt for one in taught())
    assert again == first[: len(again)]
    assert again


def test_of_what_is_held_out_each_field_has_as_many():
    assert set(Counter(one.kind for one in held_out(1, 5 * len(FIELDS))).values()) == {5}


def test_the_answer_stands_in_the_note_behind_the_word_of_its_field():
    for one in held_out(3, 120):
        word, _, value = one.answer.partition(": ")
        assert (word, value in one.prompt) == (one.kind, True)


@pytest.mark.parametrize("kind", ["person", "town", "firm", "object", "room", "number", "date"])
def test_names_and_values_that_are_held_out_are_in_no_traffic(kind):
    makers = {split: Maker(Random(7), split) for split in ("traffic", "held_out")}
    made = {split: {maker.value(kind) for _ in range(400)} for split, maker in makers.items()}
    assert len(made["held_out"]) > 10
    assert not made["traffic"] & made["held_out"]


def test_a_wording_that_is_held_out_is_in_no_note_of_the_traffic():
    told = " ".join(one.prompt for one in traffic(1, 1000) if one.kind != KNOWN)
    assert " has a home in " in told
    assert "The home of " not in told
    assert any("The home of " in one.prompt for one in held_out(1, 24))


def test_the_user_corrects_what_is_wrong_and_likes_what_is_right():
    assert feedback_of(HOME, "home: Tofford ") == {"thumb": "up", "task": TASK}
    assert feedback_of(HOME, "Tofford") == {"correction": "home: Tofford", "task": TASK}
    assert not is_right(HOME, "")
