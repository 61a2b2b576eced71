from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from cluster.text.chunking import Chunking, chunk
from cluster.text.plain import plain


def test_blank_lines_part_paragraphs_and_the_text_stays_as_it_is():
    text = "\n One goat.\nTwo goats.\n \t\n\nThree.\n"
    document = plain(text)
    assert [block.text for block in document.blocks] == [" One goat.\nTwo goats.", "Three."]
    assert document.text == text


@given(st.text(st.sampled_from("ab .\n\r\t\u2028é😀"), max_size=200))
def test_all_that_is_not_white_space_is_in_a_block_and_in_a_chunk(text):
    document = plain(text)
    parts = [(part.text, part.start, part.end) for part in document.blocks]
    parts += [(part.text, part.start, part.end) for part in chunk(document, Chunking(size=20, overlap=5))]
    assert all(said == text[start:end] for said, start, end in parts)
    covered = {at for block in document.blocks for at in range(block.start, block.end)}
    assert all(at in covered for at, letter in enumerate(text) if not letter.isspace())


def test_white_space_alone_holds_nothing():
    assert plain(" \n\t\n").blocks == ()


def test_a_long_text_of_blank_lines_takes_time_in_proportion():
    assert plain(" " * 1_000_000 + "\n" * 1_000_000).blocks == ()
