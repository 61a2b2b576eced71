"""The skills' exercises: deterministic, split by names and sentence patterns, and every expected answer follows from what is shown."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from training.nano.corpus import ABSTENTION, SKILLS, Stream
from training.nano.corpus.facts import KINDS
from training.nano.corpus.wordings import expand, wordings
from training.nano.corpus.world import sentence

GRAMMARS = [grammar for kind in KINDS for grammar in (kind.statements, kind.questions)]


def drawn(skill: str, count: int = 150, split: str = "held_out"):
    stream = Stream(f"test-{skill}", "held_out" if split == "held_out" else "train")
    return [stream.of(skill) for _ in range(count)]


@pytest.mark.parametrize("skill", SKILLS)
def test_the_same_seed_gives_the_same_exercises_and_another_split_gives_others(skill):
    assert drawn(skill, 20) == drawn(skill, 20)
    assert drawn(skill, 20) != drawn(skill, 20, "train")


def test_every_sentence_pattern_belongs_to_one_split():
    for grammar in GRAMMARS:
        train, held_out = set(wordings(grammar, "train")), set(wordings(grammar, "held_out"))
        assert train
        assert held_out
        assert not train & held_out
        assert train | held_out == set(expand(grammar))


def test_groups_of_a_grammar_multiply():
    assert sorted(expand("{s} [|now ]lives in [the [old |]town of |]{v}|{v}: {s}")) == sorted(
        [
            "{s} lives in {v}",
            "{s} lives in the town of {v}",
            "{s} lives in the old town of {v}",
            "{s} now lives in {v}",
            "{s} now lives in the town of {v}",
            "{s} now lives in the old town of {v}",
            "{v}: {s}",
        ]
    )


def test_a_citation_names_the_passage_that_holds_the_answer():
    cited = 0
    for talk in drawn("grounded"):
        text = "\n".join(message.text for message in talk.messages[:-1])
        found = re.fullmatch(r"(.+) \[(\d+)\]", talk.messages[-1].text)
        if found:
            passage = next(line for line in text.splitlines() if line.startswith(f"[{found[2]}] "))
            assert found[1] in passage or sentence(found[1], "") in passage, talk
            cited += 1
    assert cited > 50


def test_about_a_quarter_of_the_grounded_questions_have_no_answer():
    talks = drawn("grounded", 300)
    assert 0.15 < sum(talk.messages[-1].text == ABSTENTION for talk in talks) / len(talks) < 0.45


@pytest.mark.parametrize("skill", ["labels", "tools", "comparison", "extraction"])
def test_an_examination_asks_once_and_training_several_times_of_one_list(skill):
    assert {sum(message.role == "assistant" for message in talk.messages) for talk in drawn(skill, 60)} == {1}
    assert {sum(message.role == "assistant" for message in talk.messages) for talk in drawn(skill, 60, "train")} == {1, 2, 3, 4}


@pytest.mark.parametrize("skill", ["extraction", "tools"])
def test_every_answer_of_a_conversation_follows_the_one_schema(skill):
    for talk in drawn(skill, 60, "train"):
        for message in talk.messages:
            if message.role == "assistant":
                jsonschema.validate(json.loads(message.text), json.loads(talk.schema))


@pytest.mark.parametrize("skill", ["extraction", "tools"])
def test_every_expected_json_follows_the_schema_it_is_asked_by(skill):
    for talk in drawn(skill):
        jsonschema.validate(json.loads(talk.messages[-1].text), json.loads(talk.schema))


def test_every_string_extracted_stands_in_the_text_or_in_the_schema():
    for talk in drawn("extraction"):
        shown = "\n".join(message.text for message in talk.messages[:-1]).casefold()
        for text in re.findall(r'"((?:[^"\\]|\\.)*)"', talk.messages[-1].text):
            assert text.casefold() in shown, talk


def test_a_chosen_tool_is_among_those_offered():
    for talk in drawn("tools"):
        call = json.loads(talk.messages[-1].text)
        offered = "\n".join(message.text for message in talk.messages[:-1])
        assert call["tool"] is None or f"{call['tool']}({next(iter(call['arguments']))}" in offered


def test_an_answer_in_n_words_has_n_words():
    counted = 0
    for talk in drawn("instructions", 400):
        asked = " ".join(message.text for message in talk.messages[:-1])
        number = re.search(r"(\d+) words", asked.rpartition("Question:")[2]) or re.search(r"^\D*(\d+) words", talk.messages[0].text)
        if number and talk.messages[-1].text != ABSTENTION:
            assert len(talk.messages[-1].text.split()) == int(number[1]), talk
            counted += 1
    assert counted > 5
