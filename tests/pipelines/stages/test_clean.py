"""Text becomes what a reader sees, and cleaning twice is cleaning once."""

from __future__ import annotations

import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from cluster.text.cleaning import clean_text
from pipelines.stages.clean import clean, unwrap
from pipelines.stages.pieces import Piece


def test_letters_are_composed_and_invisible_characters_gone():
    assert clean_text("Cafe\u0301\u200b \u202egnp\u202c\x00\x07 so\u00adft\r\nnext\u2028line\ufeff") == "Café gnp soft\nnext\nline"


def test_joiners_that_words_and_emoji_need_stay():
    assert clean_text("می\u200cخواهم 👩\u200d🚀") == "می\u200cخواهم 👩\u200d🚀"


def test_code_keeps_its_spaces():
    assert clean([Piece("code", "if x:\n    y  =  1")])[0].text == "if x:\n    y  =  1"


def test_words_parted_at_a_lines_end_are_whole_again():
    assert unwrap("the exam-\nple of North-\nSouth trade\nand 3-\n4 more") == "the example of North-South trade and 3- 4 more"


def test_lines_in_the_margin_of_most_pages_are_gone_and_the_same_line_within_stays():
    pieces = [
        piece
        for page in range(1, 6)
        for piece in (
            Piece("paragraph", "Annals", page, lines=True, margin=True),
            Piece("paragraph", f"Page {page}\nof {'abcde'[page - 1]}", page, lines=True, margin=True),
            Piece("paragraph", "Annals\nare read.", page, lines=True),
        )
    ]
    assert [piece.text for piece in clean(pieces)] == [text for letter in "abcde" for text in (f"of {letter}", "Annals are read.")]


def test_two_pages_are_too_few_to_tell_a_header():
    pieces = [Piece("paragraph", "Same line", page, lines=True, margin=True) for page in (1, 2)]
    assert [piece.text for piece in clean(pieces)] == ["Same line", "Same line"]


@given(st.text())
def test_cleaning_what_is_clean_changes_nothing(text):
    once = clean_text(text)
    assert clean_text(once) == once
    assert unicodedata.is_normalized("NFC", once)
