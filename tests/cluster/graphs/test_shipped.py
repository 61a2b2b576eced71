"""What the shipped graphs compute by themselves, without a model: each expression that decides something, on values as they would be."""

from __future__ import annotations

from typing import Any

import pytest

from cluster.contracts.generation import Json
from cluster.graphs.expressions import evaluate, fill, holds
from cluster.graphs.library import GraphLibrary
from cluster.graphs.templates import render
from cluster.home import GRAPHS
from cluster.json_schema import check_value, with_defaults
from cluster.settings.graphs import GraphSettings
from cluster.specs.nodes import MapNode, ToolNode, TransformNode

SETTINGS = GraphSettings()
RUN = {"id": "r1", "graph": "g", "organisation": "o", "started_at": "2026-03-01T22:00:00Z"}
PASSAGE = {"number": 1, "text": "Okan lives in Sudale.", "document": "d", "path": "a.md", "page": None, "score": 0.5, "collection": "c"}


@pytest.fixture(scope="module")
def library() -> GraphLibrary:
    return GraphLibrary.load(GRAPHS, most_bytes=2**20)


def scope(library: GraphLibrary, name: str, given: dict[str, Any], **more: Any) -> dict[str, Any]:
    schema = library.get(name).input
    check_value(given, schema)
    return {"input": with_defaults(given, schema), "state": {}, "run": RUN, **more}


def value(library: GraphLibrary, name: str, node: str, seen: dict[str, Any]) -> Json:
    found = library.get(name).nodes[node]
    assert isinstance(found, TransformNode)
    assert found.value is not None
    return evaluate(found.value, seen, SETTINGS)


def way(library: GraphLibrary, name: str, router: str, seen: dict[str, Any]) -> str:
    return next(edge.to for edge in library.get(name).nodes[router].edges if edge.when is None or holds(edge.when, seen, SETTINGS))


def test_an_answer_gives_the_passages_that_it_cites(library):
    seen = scope(library, "answer", {"question": "Where?"})
    seen["state"] = {"passages": [PASSAGE, {**PASSAGE, "number": 2}], "answer": "Sudale [1]."}
    assert evaluate(library.get("answer").output["citations"], seen, SETTINGS) == [PASSAGE]
    assert way(library, "answer", "found", seen) == "answer"
    assert way(library, "answer", "found", {**seen, "state": {"passages": []}}) == "nothing"
    asked = render(getattr(library.get("answer").nodes["answer"], "user"), seen, SETTINGS)  # noqa: B009
    assert asked.startswith("Passage: [1] Okan lives in Sudale.\n[2] Okan")


def test_research_keeps_the_question_itself_and_cites_by_its_parts(library):
    seen = scope(library, "research", {"question": "Who leads it?", "parts": 2})
    seen["state"] = {"split": {"questions": ["no", "Who is the leader of Velm?", "Since when is it so?"]}}
    assert value(library, "research", "choose", seen) == ["Who leads it?", "Who is the leader of Velm?"]
    finding = {"number": 2, "question": "q", "answer": "a", "citations": [PASSAGE]}
    citations = evaluate(library.get("research").output["citations"], {**seen, "state": {"findings": [finding]}}, SETTINGS)
    assert citations == [{**PASSAGE, "number": 2}]


def test_research_takes_out_the_numbers_that_mean_passages_of_a_part(library):
    number = library.get("research").nodes["number"]
    assert isinstance(number, MapNode)
    assert isinstance(number.each, TransformNode)
    assert number.each.value is not None
    item = {"answer": "Mira Voss [2], since May. [1]", "citations": [PASSAGE]}
    seen = {**scope(library, "research", {"question": "q"}), "state": {"questions": ["a", "b"]}, "item": item, "index": 1}
    found = evaluate(number.each.value, seen, SETTINGS)
    assert found == {"number": 2, "question": "b", "answer": "Mira Voss, since May.", "citations": [PASSAGE]}


def test_triage_tells_images_from_texts_and_settles_on_a_label(library):
    ways = {
        "scan.PNG": "look",
        "data:image/png;base64,xx": "look",
        "offer.pdf": "look",
        "data:application/pdf;base64,xx": "look",
        "file-abc": "look",
        "letter.txt": "load",
        "png.md": "load",
    }
    for file, expected in ways.items():
        assert way(library, "triage", "kind_of_file", scope(library, "triage", {"file": file})) == expected
    seen = scope(library, "triage", {"file": "in/letter.txt"})
    assert value(library, "triage", "settle", {**seen, "state": {"said": "Label: Contract."}}) == "contract"
    assert value(library, "triage", "settle", {**seen, "state": {"said": "who knows"}}) == "other"
    filing = library.get("triage").nodes["file"]
    assert isinstance(filing, ToolNode)
    state = {"label": "contract", "extract": {"entities": []}, "text": "t"}
    assert fill(filing.arguments, {**seen, "state": state}, SETTINGS)["path"] == "filed/contract/letter.txt.json"


def test_a_voice_note_hands_in_a_task_for_a_person_and_writes_a_line_for_each_where_asked_to(library):
    hand_in = getattr(library.get("voice_note").nodes["hand_in"], "each")  # noqa: B009
    seen = scope(library, "voice_note", {"audio": "note.ogg", "list": "tasks.md"}, index=0)
    asked = fill(hand_in.arguments, {**seen, "item": {"owner": "Ada", "task": "call", "due": None}}, SETTINGS)
    check_value(asked["parameters"], library.get(asked["task_type"]).input)
    assert asked["parameters"] == {"task": "call", "owner": "Ada", "due": None, "source": "r1"}
    assert way(library, "voice_note", "listed", seen) == "note"
    assert way(library, "voice_note", "listed", scope(library, "voice_note", {"audio": "note.ogg"})) == "end"
    each = getattr(library.get("voice_note").nodes["note"], "each")  # noqa: B009
    lines = [
        fill(each.arguments, {**seen, "item": {"owner": "Ada", "task": "call", "due": due}}, SETTINGS)["content"]
        for due in ("Monday", None)
    ]
    assert lines == ["- [ ] Ada: call (Monday)\n", "- [ ] Ada: call\n"]


def test_what_is_to_be_done_is_asked_with_whose_it_is_and_by_when(library):
    ask = getattr(library.get("todo").nodes["said"], "ask")  # noqa: B009
    seen = scope(library, "todo", {"task": "call", "owner": "Ada", "due": "Monday"})
    assert render(ask, seen, SETTINGS) == "Ada: call (Monday)"
    assert render(ask, scope(library, "todo", {"task": "call"}), SETTINGS) == "call"


@pytest.mark.parametrize(
    ("forward", "backward", "winner"),
    [("A", "B", "first"), ("B is better", "A", "second"), ("A", "A", "tie"), ("same", "same", "tie"), ("Apples", "Bananas", "tie")],
)
def test_a_winner_wins_in_both_orders(library, forward, backward, winner):
    seen = scope(library, "compare", {"question": "q", "first": "1", "second": "2"})
    seen["state"] = {"ask_forward": forward, "ask_backward": backward}
    votes = {name: value(library, "compare", name, seen) for name in ("forward", "backward")}
    assert value(library, "compare", "verdict", {**seen, "state": votes}) == winner


def test_a_digest_counts_what_could_not_be_summarised(library):
    seen = scope(library, "digest", {"texts": ["a", "b"]})
    page = value(library, "digest", "combine", {**seen, "state": {"summaries": ["One. ", None]}})
    assert page == "# Digest, 2026-03-01\n\n- One.\n\nNot summarised: 1\n"
    assert way(library, "digest", "ask", seen) == "write"
    assert way(library, "digest", "ask", scope(library, "digest", {"texts": ["a"], "approve": True})) == "review"
    outputs = library.get("digest").output
    assert evaluate(outputs["approved"], {**seen, "state": {"review": {"approved": False}}}, SETTINGS) is False
    assert evaluate(outputs["path"], {**seen, "state": {}}, SETTINGS) is None
