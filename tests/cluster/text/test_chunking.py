"""Chunks are exact spans, whole sentences where they fit, and know where they come from."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cluster.contracts.documents import Chunk, Document
from cluster.errors import BadInput
from cluster.text.chunking import Chunking, chunk
from pipelines.stages.pieces import Piece, assemble

STRATEGIES = ("sentences", "tokens", "structure", "parents")
KINDS = st.sampled_from(["heading", "paragraph", "list", "table", "code"])
TEXTS = st.text(st.sampled_from("ab .!?\n。é日\u00a0-😀"), min_size=1, max_size=400).filter(lambda text: text.strip() == text)
PIECES = st.lists(st.builds(Piece, KINDS, TEXTS, st.integers(1, 9), st.integers(0, 4)), min_size=1, max_size=12)


def tokens(text: str) -> list[tuple[int, int]]:
    """Words and marks, and nothing for white space, as most vocabularies have it."""
    return [match.span() for match in re.finditer(r"\w+|[^\w\s]", text)]


def document(*pieces: Piece) -> Document:
    return assemble(Document("doc", 3, "a.md", "text/markdown", "", "", ()), pieces)


def prose(sentences: int, word: str = "lamp") -> Piece:
    return Piece("paragraph", " ".join(f"Sentence number {number} is about the {word} of Dr. Smith." for number in range(sentences)), 1)


def cut(text: Document, how: Chunking) -> list[Chunk]:
    return list(chunk(text, how, tokens))


@settings(max_examples=300, deadline=None)
@given(pieces=PIECES, strategy=st.sampled_from(STRATEGIES), size=st.integers(1, 120), share=st.integers(0, 99))
def test_every_chunk_is_exactly_its_span_and_together_they_hold_all_text(pieces, strategy, size, share):
    whole = document(*pieces)
    for block in whole.blocks:
        assert whole.text[block.start : block.end] == block.text
    chunks = cut(whole, Chunking(strategy, size, size * share // 100, size * 3))
    covered = set[int]()
    for number, one in enumerate(chunks):
        assert one.number == number
        assert (one.document, one.version) == ("doc", 3)
        assert one.text == whole.text[one.start : one.end] != ""
        limit = size * 3 if one.is_parent else size
        assert (len(tokens(one.text)) if strategy == "tokens" else len(one.text)) <= limit
        if one.parent is not None:
            parent = chunks[one.parent]
            assert parent.is_parent
            assert parent.start <= one.start <= one.end <= parent.end
        if not one.is_parent:
            covered.update(range(one.start, one.end))
    assert all(at in covered for at, letter in enumerate(whole.text) if not letter.isspace())


def test_by_default_chunks_are_whole_sentences_that_share_up_to_200_characters():
    chunks = cut(document(prose(100)), Chunking())
    assert all(len(one.text) <= 1000 for one in chunks)
    assert all(one.text.startswith("Sentence") and one.text.endswith("Smith.") for one in chunks)
    assert all(130 < before.end - after.start <= 200 for before, after in pairwise(chunks))


def test_a_sentence_longer_than_the_overlap_lends_its_last_words():
    long = " ".join(f"word{number}" for number in range(1000))
    chunks = cut(document(Piece("paragraph", long)), Chunking())
    assert all(150 < before.end - after.start <= 200 for before, after in pairwise(chunks))
    assert all(re.fullmatch(r"(word\d+ )*word\d+", one.text) for one in chunks)


def test_text_without_a_single_space_is_cut_too():
    chunks = cut(document(Piece("paragraph", "x" * 100_000)), Chunking())
    assert all(len(one.text) <= 1000 for one in chunks)
    assert all(before.end - after.start == 200 for before, after in pairwise(chunks))


def test_sentences_of_chinese_and_japanese_are_told_apart():
    chunks = cut(document(Piece("paragraph", "灯台守は灯をともした。船はその光を探した。" * 20)), Chunking(size=50, overlap=12))
    assert all(one.text.endswith("。") for one in chunks)


def test_sizes_in_tokens_are_those_of_the_tokenizer_given():
    chunks = cut(document(prose(50)), Chunking("tokens", 40, 12))
    counts = [len(tokens(one.text)) for one in chunks]
    assert max(counts) <= 40
    assert min(counts[:-1]) > 25
    with pytest.raises(BadInput, match="tokenizer"):
        list(chunk(document(prose(1)), Chunking("tokens")))


def test_structure_never_crosses_a_heading_and_keeps_lines_of_tables():
    table = Piece("table", "\n".join(f"row {number} | {number * 7}" for number in range(60)), 2)
    whole = document(
        Piece("heading", "Top", 1, 1), prose(3), Piece("heading", "Fees", 1, 2), table, Piece("heading", "Rules", 3, 2), prose(2)
    )
    chunks = cut(whole, Chunking("structure", 300, 40))
    assert {one.heading_path for one in chunks} == {("Top",), ("Top", "Fees"), ("Top", "Rules")}
    assert all(len({whole.text.count("Fees", 0, one.start), whole.text.count("Fees", 0, one.end - 5)}) < 3 for one in chunks)
    rows = [line for one in chunks if one.heading_path[-1] == "Fees" for line in one.text.split("\n") if line.startswith("row")]
    assert all(re.fullmatch(r"row \d+ \| \d+", row) for row in rows)
    assert [one.page for one in chunks][-1] == 3


def test_a_chunk_knows_where_pages_begin_within_it():
    first, second, third = Piece("paragraph", "On one.", 1), Piece("paragraph", "Still one.", 1), Piece("paragraph", "On four.", 4)
    whole = document(first, second, third, Piece("paragraph", "Nobody knows where."))
    (one,) = cut(whole, Chunking())
    assert (one.page, one.turns) == (1, ((whole.text.index("On four."), 4),))
    last = cut(whole, Chunking("sentences", 20, 0))[-1]
    assert last.turns == ()


def test_parents_hold_their_children_and_come_before_them():
    chunks = cut(
        document(Piece("heading", "One", 1, 1), prose(100), Piece("heading", "Two", 2, 1), prose(10)), Chunking("parents", 300, 60, 2000)
    )
    parents = [one for one in chunks if one.is_parent]
    assert len(parents) > 2
    assert {one.parent for one in chunks if not one.is_parent} == {one.number for one in parents}
    assert all(one.parent < one.number for one in chunks if one.parent is not None)


@pytest.mark.parametrize("how", [{"size": 100, "overlap": 100}, {"size": 0}, {"strategy": "parents", "size": 5000}])
def test_sizes_that_do_not_fit_each_other_are_refused(how):
    with pytest.raises(BadInput):
        Chunking(**how)


def test_ten_million_characters_in_one_line_are_cut_with_little_work():
    """Work in proportion to the text: with anything more this would take hours."""
    chunks = cut(document(Piece("paragraph", "word " * 2_000_000 + "end")), Chunking())
    assert chunks[-1].text.endswith("end")
    assert len(chunks) > 10_000
