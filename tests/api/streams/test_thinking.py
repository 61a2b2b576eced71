from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from api.streams.thinking import Piece, ThinkingParser, joined

PIECES = [
    "<think>",
    "</think>",
    "<thinking>",
    "</thinking>",
    '<ui:chart type="bar">',
    "</ui:chart>",
    "<ui:x>",
    "</ui:x>",
    "<",
    ">",
    "\n",
    "a < b",
    "<thin",
    "ü",
    "/",
    "<ui:",
]
ANSWERS = st.lists(st.one_of(st.sampled_from(PIECES), st.text(max_size=8)), max_size=15).map("".join)


def parse(chunks: list[str]) -> list[Piece]:
    parser = ThinkingParser()
    pieces = [piece for chunk in chunks for piece in parser.feed(chunk)]
    return joined(pieces + parser.close())


def told(text: str) -> list[tuple[str, str, str]]:
    return [(piece.kind, piece.name, piece.text) for piece in parse([text])]


@given(ANSWERS, st.lists(st.integers(0, 120), max_size=12))
def test_any_cutting_gives_the_same_pieces(text, cuts):
    edges = sorted({0, len(text), *(cut for cut in cuts if cut < len(text))})
    chunks = [text[start:end] for start, end in itertools.pairwise(edges)]
    assert parse(chunks) == parse([text]) == parse(list(text))


@given(ANSWERS.filter(lambda text: "<think" not in text and "<ui:" not in text))
def test_what_holds_no_tag_is_all_text(text):
    assert "".join(piece.text for piece in parse([text])) == text


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("<think>3 goats</think>\n\nThree.", [("thinking", "", "3 goats"), ("text", "", "Three.")]),
        ("<think>still going", [("thinking", "", "still going")]),
        ("a <b>bold</b> word", [("text", "", "a <b>bold</b> word")]),
        ("</think>", [("text", "", "</think>")]),
        ("<think>a <ui:x> b</think>c", [("thinking", "", "a <ui:x> b"), ("text", "", "c")]),
        ("x<ui:chart>1,2</ui:chart>y", [("text", "", "x"), ("ui", "chart", "1,2"), ("text", "", "y")]),
        ("<ui:hr></ui:hr>", [("ui", "hr", "")]),
        ("<ui:" + "a" * 400 + ">", [("text", "", "<ui:" + "a" * 400 + ">")]),
    ],
)
def test_thoughts_and_tags_are_told_from_text(text, pieces):
    assert told(text) == pieces


def test_attributes_of_a_tag_are_kept():
    assert parse(['<ui:chart type="bar">1</ui:chart>']) == [Piece("ui", "1", "chart", 'type="bar"', 1)]
