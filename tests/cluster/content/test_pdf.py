from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from cluster.content.pdf import page_count, read_page
from cluster.errors import TooLarge, Unprocessable
from tests.pipelines.conftest import pdf_file

PIXELS = 200_000


@pytest.fixture
def book(tmp_path: Path) -> str:
    path = tmp_path / "book.pdf"
    path.write_bytes(pdf_file(3, scanned=frozenset({2})))
    return str(path)


def test_a_page_is_its_text_or_the_picture_that_somebody_scanned(book: str) -> None:
    assert page_count(book, 3) == 3
    first, second = read_page(book, 1, PIXELS), read_page(book, 2, PIXELS)
    assert first.picture is None
    assert "The lighthouse keeper lit the lamp at dusk." in first.text
    assert second.picture is not None
    width, height = Image.open(io.BytesIO(second.picture)).size
    assert 0.9 * PIXELS < width * height <= 1.01 * PIXELS


def test_more_pages_than_are_read_are_refused_and_not_cut_off(book: str) -> None:
    with pytest.raises(TooLarge, match=r"3 pages, at most 2 are read \(setting ingest.pages\)"):
        page_count(book, 2)


@pytest.mark.parametrize(("content", "reason"), [(b"%PDF-1.7 and no more", "damaged"), (pdf_file(1, password="sea"), "password")])
def test_what_cannot_be_opened_is_said(tmp_path: Path, content: bytes, reason: str) -> None:
    path = tmp_path / "bad.pdf"
    path.write_bytes(content)
    with pytest.raises(Unprocessable, match=reason):
        page_count(str(path), 10)
