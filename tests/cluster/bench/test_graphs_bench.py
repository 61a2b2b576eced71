"""The evaluation of graphs: its cases, what counts as right, and its report."""

from __future__ import annotations

import base64
import io
from dataclasses import replace
from typing import Any

import pypdfium2  # type: ignore[import-untyped]
import pytest
from PIL import Image

from cluster.bench.graph_letters import FORMS, as_url
from cluster.bench.graph_marks import chores_by_sentence, chores_f1, cites, names_by_capitals, names_f1, words_read
from cluster.bench.graph_sets import Letter, Note, Question, make
from cluster.bench.graphs import EVALUATIONS, Asked, Figure, from_transcript, summarise
from cluster.graphs.checking import Known, check
from cluster.graphs.library import GraphLibrary
from cluster.home import GRAPHS
from cluster.specs.graph import GraphSpec

SETS = make(1, 8)
NOTE = Note(
    "Ada is to call the glazier by Monday. It rained. Ben is to order the paint.", (("Ada", "call the glazier"), ("Ben", "order the paint"))
)


def test_the_same_seed_gives_the_same_cases_and_each_says_what_is_right():
    assert make(1, 8) == SETS
    assert make(2, 8) != SETS
    assert len({person.name for person in SETS.people}) == len(SETS.people)
    assert {len(question.answers) for question in SETS.plain} == {1}
    for question, person in zip((*SETS.questions, *SETS.plain), SETS.people[:8] * 2, strict=True):
        assert all(answer in person.document for answer in question.answers)
        assert person.name in question.text
    for pair in SETS.pairs:
        assert getattr(pair, pair.better) in pair.question
    assert {pair.better for pair in SETS.pairs} == {"first", "second"}
    assert {letter.label for letter in SETS.letters} == {"invoice", "contract", "complaint", "report"}
    assert all(name in letter.text for letter in SETS.letters for name in letter.names)
    assert all(fact in piece.text for piece in SETS.pieces for fact in piece.facts)


def test_a_letter_comes_as_a_picture_a_pdf_with_text_and_one_without():
    contents = {form: base64.b64decode(as_url(form, "Invoice number 7.").partition(",")[2]) for form in FORMS}
    assert Image.open(io.BytesIO(contents["PNG"])).format == "PNG"
    chars = {form: pypdfium2.PdfDocument(contents[form])[0].get_textpage().count_chars() for form in ("PDF", "scanned PDF")}
    assert chars == {"PDF": len("Invoice number 7."), "scanned PDF": 0}


def test_names_and_words_are_counted_as_they_stand():
    letter = Letter("Mira Velden owes Brel Foods 3 euros.", "invoice", ("Mira Velden", "Brel Foods"))
    assert names_f1(letter, ["Mira Velden", "Brel"]) == 0.5
    assert names_f1(letter, names_by_capitals(letter.text)) == 1.0
    assert words_read(letter, "mira velden owes brel") == pytest.approx(4 / 7)


def test_a_task_is_right_with_its_owner_and_most_of_its_words():
    assert chores_f1(NOTE, [("Ada", "call the glazier"), ("ben", "order paint")]) == 1.0
    assert chores_f1(NOTE, [("Ben", "call the glazier")]) == 0.0
    assert chores_f1(NOTE, [("Ada", "call the glazier")] * 2) == 0.5
    assert chores_f1(NOTE, chores_by_sentence(NOTE.transcript)) == pytest.approx(0.8)
    assert chores_f1(NOTE, []) == 0.0


def test_citing_nothing_or_something_else_too_is_not_right():
    question = Question("?", ("x",), "a.txt")
    assert [cites(question, paths) for paths in (["a.txt", "a.txt"], ["a.txt", "b.txt"], [])] == [1.0, 0.0, 0.0]


def test_a_voice_note_is_evaluated_from_its_transcript_on_and_is_the_same_graph_otherwise():
    library = GraphLibrary.load(GRAPHS, most_bytes=2**20)
    spec, shipped = GraphSpec.model_validate(from_transcript()), library.get("voice_note")
    assert check(spec, None, Known(graphs=library.specs)) == []
    others = {name: node for name, node in spec.nodes.items() if name != "transcript"}
    assert others == {name: node for name, node in shipped.nodes.items() if name != "transcript"}


class Answering:
    """Graphs whose runs give what they are told to."""

    def __init__(self, *answers: Asked) -> None:
        self._answers = list(answers)

    def run(self, graph: object, inputs: list[object]) -> Asked:
        return self._answers.pop(0)

    def task(self, task_id: str) -> dict[str, Any]:
        return {"status": "waiting" if task_id == "t1" else "failed"}


def figures(name: str, sets: Any, *answers: Asked) -> dict[str, tuple[float | None, float | None]]:
    graphs: Any = Answering(*answers)
    return {one.what: (one.share, one.simpler) for one in EVALUATIONS[name](graphs, sets)[0]}


def test_a_judge_that_answers_by_place_never_wins_and_is_not_consistent():
    sets = make(1, 2)
    always_a = {"winner": "tie", "votes": ["A", "A"]}
    found = figures("compare", sets, Asked((always_a, always_a)))
    assert found["the right winner"] == (0.0, 0.5)
    assert found["the wrong winner (less is better)"] == (0.0, 0.5)
    assert found["the same vote in both orders"] == (0.0, None)


def test_a_run_that_failed_names_nothing():
    sets = make(1, 2)
    good = {"answer": " and ".join(sets.questions[0].answers), "citations": [{"path": sets.questions[0].document}]}
    found = figures("research", sets, Asked((good, None), ("research: broken",)), Asked((None, None)))
    assert found["sides of the question that the answer names"] == (0.5, 0.0)
    assert found["cites the right document and no other"] == (0.5, 0.0)


def test_tasks_that_do_not_wait_are_seen():
    sets = replace(make(1, 1), notes=(NOTE,))
    tasks = [{"owner": "Ada", "task": "call the glazier", "due": None}]
    found = figures("voice_note", sets, Asked(({"tasks": tasks, "task_ids": ["t1", "t2"]},)))
    assert found["F1 of tasks, from the transcript on"] == pytest.approx((2 / 3, 0.8))
    assert found["tasks made that wait for a person"] == (0.5, None)


def test_a_digest_with_a_text_left_out_has_no_figure_for_its_facts():
    sets = make(1, 2)
    page = f"# Digest\n\n- {sets.pieces[0].text}\n\nNot summarised: 1\n"
    found = figures("digest", sets, Asked(({"digest": page},)))
    assert found["facts that the summaries name"][0] is None
    assert found["texts with a summary"] == (0.5, None)


def test_what_is_worse_than_something_simpler_is_a_figure_that_is_not_met():
    told = [
        Figure("research", "sides", 0.5, 0.25, "the graph `answer`"),
        Figure("compare", "the wrong winner (less is better)", 0.4, 0.1, "one order alone"),
        Figure("triage", "words read", 1.0),
        Figure("compare", "the right winner", 0.0, 0.0, "one order alone"),
    ]
    result = summarise(told, ["triage: broken"], count=4, seed=1)
    assert [verdict.met for verdict in result.verdicts] == [True, False, False, False]
    assert result.rows[0] == ("research", "sides", 50.0, 25.0, "the graph `answer`")
    assert "failed: triage: broken" in result.notes
