"""Citations, checked while an answer is written."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cluster.contracts.retrieval import Span
from cluster.retrieval.cited import CitedText, Dropped
from cluster.retrieval.passages import Passage
from cluster.retrieval.quotes import Citation
from tests.cluster.retrieval.library import piece

GOATS = "Goats are animals. Goats climb steep hills at dawn. They sleep in barns."
WOOL = "Wool is spun after shearing.\nThe tide follows the moon."


def passage(text: str, path: str, start: int = 100) -> Passage:
    span = Span(start, start + len(text))
    chunk = piece(path, 0, text, span=span, page=2)
    return Passage(chunk, path, text, span, 2, 1.0, (), "Found by words.")


PASSAGES = (passage(GOATS, "goats.pdf"), passage(WOOL, "wool.md", 7))


def read(*pieces: str, support: float = 0.3) -> tuple[str, list[Citation], Dropped]:
    cited = CitedText(PASSAGES, support)
    text = "".join([cited.feed(one) for one in pieces]) + cited.close()
    return text, cited.citations, cited.dropped


def shown(text: str) -> str:
    return read(text)[0]


def test_a_citation_quotes_the_sentence_that_says_so_where_it_stands():
    text, (citation,), dropped = read("At dawn goats climb the hills [1].")
    assert text == "At dawn goats climb the hills [1]."
    assert (citation.number, citation.at, citation.quote) == (1, 30, "Goats climb steep hills at dawn.")
    begin = 100 + GOATS.index("Goats climb")
    assert citation.span == Span(begin, begin + len(citation.quote))
    assert (citation.passage, citation.page) == (PASSAGES[0], 2)
    assert dropped == Dropped()


def test_a_citation_says_on_which_page_its_quote_begins():
    turns = ((100 + GOATS.index("Goats climb"), 3), (100 + GOATS.index("They"), 5))
    cited = CitedText([replace(PASSAGES[0], turns=turns)], 0.3)
    cited.feed("Goats are animals [1]. Goats climb hills [1]. They sleep in barns [1].")
    cited.close()
    assert [citation.page for citation in cited.citations] == [2, 3, 5]


def test_lines_of_a_passage_are_quoted_alone():
    _, (citation,), _ = read("The tide follows the moon [2].")
    assert citation.quote == "The tide follows the moon."
    assert citation.span.start == 7 + WOOL.index("The tide")


@pytest.mark.parametrize(
    ("written", "text", "missing"),
    [
        ("Goats climb hills [9].", "Goats climb hills.", 1),
        ("Goats climb hills [0][3].", "Goats climb hills.", 2),
        ("Goats climb hills [1, 7].", "Goats climb hills [1].", 1),
        ("Goats climb hills [1][4] at dawn.", "Goats climb hills [1] at dawn.", 1),
        ("Goats climb hills  [12].", "Goats climb hills.", 1),
        ("Goats climb hills [1-9].", "Goats climb hills [1].", 1),
    ],
)
def test_a_number_that_there_is_not_is_taken_out_and_counted(written: str, text: str, missing: int):
    found, citations, dropped = read(written)
    assert (found, dropped.missing) == (text, missing)
    assert len(citations) == text.count("[")


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("The moon is made of cheese [1].", "The moon is made of cheese."),
        ("The moon is made of cheese. [1] Goats climb hills at dawn.", "The moon is made of cheese. Goats climb hills at dawn."),
        ("Wool is spun [1]. Goats climb hills [2].", "Wool is spun. Goats climb hills."),
        ("Yes [1].", "Yes."),
        ("[1]", ""),
    ],
)
def test_a_passage_that_does_not_say_so_is_not_cited_and_counted(written: str, text: str):
    found, citations, dropped = read(written)
    assert (found, citations) == (text, [])
    assert (dropped.missing, dropped.unsupported) == (0, written.count("["))


@pytest.mark.parametrize(
    "written",
    [
        "Goats climb hills at dawn. [1] Then they rest.",
        "According to [1], goats climb steep hills.",
        "[1] Goats climb steep hills at dawn.",
        "- [1] Goats climb steep hills.\n- [2] Wool is spun after shearing.",
        "1. [1] Goats climb steep hills.",
        "Goats climb hills [1] and wool is spun after shearing [2].",
        "Goats climb hills at dawn.\n[1]",
        "Goats, e.g. those of Dr. Mira, climb hills at dawn [1].",
        "They sleep in barns [1]; the tide follows the moon [2].",
        "barns [1]",
    ],
)
def test_a_citation_stays_wherever_its_sentence_says_so(written: str):
    text, citations, dropped = read(written)
    assert text == written
    assert len(citations) == written.count("[")
    assert dropped == Dropped()
    for citation in citations:
        assert text[citation.at :].startswith(f"[{citation.number}]")


def test_several_numbers_in_one_bracket_are_each_checked():
    text, citations, dropped = read("Goats climb hills while the tide follows the moon [2,1].", support=0.25)
    assert text.endswith("moon [1, 2].")
    assert [citation.quote for citation in citations] == ["Goats climb steep hills at dawn.", "The tide follows the moon."]
    assert shown("Goats climb steep hills [1; 2].") == "Goats climb steep hills [1]."
    assert dropped == Dropped()


def test_the_share_that_must_be_borne_out_is_the_settings():
    said = "Goats climb volcanoes beside oceans [1]."
    assert read(said, support=0.4)[0] == said
    assert read(said, support=0.41)[2] == Dropped(0, 1)


@pytest.mark.parametrize(
    "written",
    [
        "In the year [2024] and [1234].",
        "An [option] or [a1] stays, [^1] too, and an open [1",
        "Use `rows[9]` and ``a`[8]``.",
        "```python\nprint(rows[9])\n```",
        "[] [ ] [,] [-1]",
    ],
)
def test_brackets_that_cite_nothing_are_left_alone(written: str):
    text, citations, dropped = read(written)
    assert (text, citations, dropped) == (written, [], Dropped())


def test_a_line_s_end_ends_code_that_was_never_closed():
    assert shown("Don`t [9] do that.\nGoats [9] climb.") == "Don`t [9] do that.\nGoats climb."


def test_text_flows_and_only_what_is_undecided_is_held_back():
    cited = CitedText(PASSAGES, 0.3)
    assert cited.feed("Goats climb hills") == "Goats climb hills"
    assert cited.feed(" [") == ""
    assert cited.feed("1]") == " [1]"
    assert cited.feed(". Moons are cheese [1]") == ". Moons are cheese"
    assert cited.feed(" and so on. ") == ""
    assert cited.feed("Next") == " and so on. Next"
    assert cited.feed(" [1] " + "x" * 700) != ""
    assert cited.dropped == Dropped(0, 2)


def test_other_scripts_are_compared_by_pairs_of_letters():
    cited = CitedText([passage("山羊は夜明けに丘を登る。潮は月に従う。", "yagi.txt")], 0.3)
    assert cited.feed("山羊は丘を登る[1]。") + cited.close() == "山羊は丘を登る[1]。"
    wrong = CitedText([passage("潮は月に従う。", "shio.txt")], 0.3)
    assert wrong.feed("山羊が登った[1]。") + wrong.close() == "山羊が登った。"


parts = st.sampled_from(
    ["Goats climb hills", "the tide follows the moon", "cheese", "[1]", "[2]", "[9]", "[1, 2]", "[", "]", " ", "  ", "."]
)
more = st.sampled_from([". ", "\n", "`", "```", "1", "e.g. ", "A", "é", "山羊"])


@given(st.lists(parts | more, max_size=25).map("".join), st.data())
def test_how_a_text_was_cut_on_its_way_changes_nothing(text: str, data: st.DataObject):
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=8)))
    pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
    whole, found, dropped = read(text)
    assert read(*pieces) == (whole, found, dropped)
    assert read(*text) == (whole, found, dropped)
    for citation in found:
        assert whole[citation.at] == "["
        start = citation.passage.span.start
        assert citation.passage.text[citation.span.start - start : citation.span.end - start] == citation.quote
