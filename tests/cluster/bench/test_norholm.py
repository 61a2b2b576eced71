"""The evaluation set: what its files hold, and that they are what its generator writes."""

from __future__ import annotations

import itertools
import json
import re

import pytest

from cluster.bench.evaluation import NORHOLM, load
from cluster.bench.norholm.make import files, made, material, parts

TEXTS, QUESTIONS = made(material())


@pytest.mark.parametrize("name", files(material()))
def test_a_file_is_what_the_generator_writes(name: str):
    assert (NORHOLM / name).read_text() == files(material())[name], "run: python -m cluster.bench.norholm.make"


def test_the_set_is_large_enough_and_stays_small():
    assert len(TEXTS) >= 300
    assert len(parts(QUESTIONS)["test"]) >= 150
    assert sum(path.stat().st_size for path in NORHOLM.rglob("*") if path.is_file()) < 2**20


def test_ids_are_unique_and_every_judgement_is_of_a_document_that_is_there():
    ids = [text.id for text in TEXTS]
    assert len(set(ids)) == len(ids)
    assert len({question.text for question in QUESTIONS}) == len(QUESTIONS)
    assert {one for question in QUESTIONS for one in question.relevant} <= set(ids)
    assert all(question.relevant for question in QUESTIONS)


def test_choosing_and_judging_share_no_question():
    split = parts(QUESTIONS)
    assert not {one.id for one in split["dev"]} & {one.id for one in split["test"]}
    assert {one.kind for one in split["dev"]} == {one.kind for one in split["test"]} == {"meaning", "exact", "both"}


def test_a_record_answers_an_exact_question_if_and_only_if_it_holds_what_is_asked_for():
    facts = {text.id: text.facts for text in TEXTS if text.facts}
    texts = {text.id: text.text for text in TEXTS}
    for question in (one for one in QUESTIONS if one.kind == "exact"):
        asked = facts[question.relevant[0]]
        figure = f"{asked['value']} {asked['unit']}"
        named = [asked[name] for name in ("code", "person", "entity") if asked[name] in question.text]
        named += [figure] if f"a {asked['measure']} of {figure} noted" in question.text else []
        assert named, question.text
        holding = {one for one, text in texts.items() if all(holds(text, part) for part in named)}
        assert set(question.relevant) == holding, question.text


def holds(text: str, part: str) -> bool:
    """As words of their own: 3.1 m is in neither 13.1 m nor 3.1 m/s."""
    return re.search(rf"(?<![\w.]){re.escape(part)}(?![\w/])", text) is not None


def test_no_two_documents_say_the_same():
    assert all(a.text != b.text for a, b in itertools.combinations(TEXTS, 2))


def test_the_set_reads_as_it_was_written():
    found = load(NORHOLM, "dev")
    rows = [json.loads(line) for line in (NORHOLM / "corpus.jsonl").read_text().splitlines()]
    assert list(found.documents) == [row["_id"] for row in rows]
    assert {question.text for question in found.questions} == {one.text for one in parts(QUESTIONS)["dev"]}
