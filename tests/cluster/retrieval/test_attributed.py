"""What Hearth cites for a model that cited nothing: only what is sure."""

from __future__ import annotations

import pytest

from cluster.contracts.retrieval import Span
from cluster.retrieval.cited import CitedText
from cluster.retrieval.passages import Passage
from tests.cluster.retrieval.library import piece

PEOPLE = "Tamira Voskel lives in Brellhaven. Okan Prest lives in Sudale. The price is 450 euros. The office is not open on Sunday."
GOATS = "Goats climb steep hills at dawn. Goats sleep in barns."
LIVES = "Where does Okan Prest live?"


def passage(text: str, path: str, start: int = 0) -> Passage:
    chunk = piece(path, 0, text, span=Span(start, start + len(text)), page=2)
    return Passage(chunk, path, text, chunk.span, 2, 1.0, (), "Found by words.")


PASSAGES = [passage(GOATS, "goats.txt"), passage(PEOPLE, "people.txt", 100)]


def cited(text: str, question: str, least: float = 0.9) -> list[tuple[int, str]]:
    told = CitedText(PASSAGES, 0.3)
    shown = told.feed(text) + told.close()
    found = told.attributed(question, least)
    for citation in found:
        source = PASSAGES[citation.number - 1]
        assert source.text[citation.span.start - source.span.start : citation.span.end - source.span.start] == citation.quote
        assert citation.attributed
        assert shown[: citation.at].strip()
    return [(citation.number, citation.quote) for citation in found]


def test_a_word_is_attributed_to_the_sentence_that_answers_the_question_with_it():
    assert cited("Sudale", LIVES) == [(2, "Okan Prest lives in Sudale.")]
    assert cited("450 euros.", "What is the price?") == [(2, "The price is 450 euros.")]


def test_a_whole_sentence_stands_by_itself():
    assert cited("Goats climb the steep hills at dawn. Moons are cheese.", "What is known?") == [(1, "Goats climb steep hills at dawn.")]


@pytest.mark.parametrize(
    ("said", "question"),
    [
        ("Brellhaven", LIVES),  # of somebody else
        ("Brellstone", "Where does Tamira Voskel live?"),  # begins alike
        ("Okan Prest", LIVES),  # says nothing that was not asked
        ("540 euros", "What is the price?"),
        ("The price of it is 540 euros.", "What is the price?"),
        ("Sunday", "When is the office open?"),
        ("The passage does not say.", LIVES),
        ("Goats never climb steep hills at dawn.", "Do goats climb?"),
        ("Sheep climb steep hills at dawn.", "What climbs?"),
        ("`Goats climb steep hills at dawn.`", "Do goats climb?"),
        ("Sudale", ""),
        ("Sudale", "What is it?"),
        ("Yes.", "Do goats climb?"),
        ("", LIVES),
    ],
)
def test_what_is_not_sure_is_not_attributed(said, question):
    assert cited(said, question) == []


def test_a_model_that_cites_is_left_to_it_even_where_its_citations_are_dropped():
    assert cited("Sudale [9]", LIVES) == []
    assert cited("Sudale [2]", LIVES) == []


def test_the_share_that_is_needed_is_a_setting_and_never_less_than_a_citation_needs():
    said = "Goats climb steep hills and mountains at dawn."
    assert cited(said, "What climbs?") == []
    assert cited(said, "What climbs?", 0.6) == [(1, "Goats climb steep hills at dawn.")]
    strict = CitedText(PASSAGES, 0.95)
    strict.feed(said)
    strict.close()
    assert strict.attributed("What climbs?", 0.6) == []
