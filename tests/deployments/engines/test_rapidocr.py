from __future__ import annotations

from cluster.contracts.perception import TextLine
from deployments.engines.rapidocr import reading_order


def line(text: str, left: float, top: float, height: float = 20.0) -> TextLine:
    right, bottom = left + 100, top + height
    return TextLine(text, 1.0, ((left, top), (right, top), (right, bottom), (left, bottom)))


def test_rows_are_read_from_the_top_and_each_from_the_left() -> None:
    lines = [line("d", 300, 64), line("b", 300, 3), line("c", 0, 60), line("a", 0, 0)]
    assert "".join(one.text for one in reading_order(lines)) == "abcd"


def test_a_row_that_slopes_a_little_stays_one_row() -> None:
    lines = [line("a", 0, 12), line("b", 150, 6), line("c", 300, 0)]
    assert "".join(one.text for one in reading_order(lines)) == "abc"
