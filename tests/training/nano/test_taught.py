"""What the demo asks of what hearth-nano was taught is what its generator writes, and no examination of it."""

from __future__ import annotations

from collections import Counter

from cluster.learning.demo.task import KNOWN, TAUGHT, Asked
from cluster.learning.demo.task import taught as read
from training.gate.shipped import SETS
from training.nano.taught import COUNTS, MOST_CHARACTERS, main, taught


def test_the_shipped_file_is_what_the_generator_writes(tmp_path):
    main(tmp_path / "new" / "taught.jsonl")
    assert (tmp_path / "new" / "taught.jsonl").read_bytes() == TAUGHT.read_bytes()


def test_every_kind_has_as_many_questions_as_it_is_meant_to_and_none_is_asked_twice():
    examples = taught()
    assert Counter(example.task for example in examples) == COUNTS
    assert len({example.messages[0]["content"] for example in examples}) == len(examples)


def test_a_question_is_one_message_of_a_person():
    for example in taught():
        (message,) = example.messages
        assert message["role"] == "user"
        assert len(message["content"]) <= MOST_CHARACTERS


def test_the_gate_asks_nothing_of_it():
    asked = {example.messages[-1]["content"] for make in SETS.values() for example in make() if example.task not in {"manners", "beyond"}}
    assert not asked & {example.messages[0]["content"] for example in taught() if example.task != "manners"}


def test_the_demo_reads_all_of_it():
    assert read() == [Asked(KNOWN, example.messages[0]["content"], example.chosen) for example in taught()]
