"""PDF, by PDFium (pypdfium2): the text of each page with its paragraphs and headings; those without any wait to be read by a model."""

from __future__ import annotations

import ctypes
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from statistics import median

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as raw  # type: ignore[import-untyped]

from cluster.content.pdf import JOINED, SCANNED_CHARS, has_image, open_pdf
from cluster.settings import IngestSettings
from pipelines.stages.pieces import Draft, Parsed, Waiting

# A gap between lines that parts paragraphs, and letters that make a heading, relative to the usual.
GAP, LARGE = 1.6, 1.15
# The same for a page of so few lines that none is usual, relative to the size of letters.
WIDE_GAP = 2.6
HEADING_CHARS = 200
# Share of a page's height, above and below, where headers and footers stand.
MARGIN = 0.085


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    size: float
    bottom: float
    margin: bool


def pdf(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """Paragraphs and headings page by page; pages without text wait for their picture to be read."""
    book = open_pdf(content)
    try:
        return _pages(book, media_type, limits)
    finally:
        book.close()


def _pages(book: pdfium.PdfDocument, media_type: str, limits: IngestSettings) -> Parsed:
    draft, waiting, count = Draft(limits.text_chars), list[Waiting](), len(book)
    if count > limits.pages:
        draft.caution(f"Pages after {limits.pages} of {count} were left out (setting ingest.pages).")
    for number in range(1, min(count, limits.pages) + 1):
        if draft.full:
            break
        try:
            scanned = _page(draft, book, number)
        except pdfium.PdfiumError:
            draft.caution(f"Page {number} is damaged.")
            continue
        if scanned and len(waiting) < limits.ocr_pages:
            waiting.append(Waiting("page", len(draft.pieces), number))
        elif scanned:
            draft.caution(f"Scanned pages after {limits.ocr_pages} were left out (setting ingest.ocr_pages).")
    return draft.parsed(media_type, min(count, limits.pages), waiting)


def _page(draft: Draft, book: pdfium.PdfDocument, number: int) -> bool:
    """Adds a page's text; whether it is to be read from its picture instead."""
    page = book[number - 1]
    text = page.get_textpage()
    try:
        lines = list(_lines(text, page.get_height()))
        if sum(len(line.text) for line in lines) < SCANNED_CHARS and has_image(page):
            return True
        for paragraph, heading in _paragraphs(lines):
            kept = "\n".join(line.text for line in paragraph)
            draft.add("heading" if heading else "paragraph", kept, page=number, level=heading, lines=True, margin=paragraph[0].margin)
        return False
    finally:
        text.close()
        page.close()


def _lines(page: pdfium.PdfTextPage, height: float) -> Iterator[_Line]:
    """The lines of a page that are not blank, with the size of their first letter and where they stand (points from below)."""
    text = page.get_text_range() if page.count_chars() else ""
    at = 0
    for line in text.split("\n"):
        bare = line.strip("\r")
        if bare.strip():
            yield _placed(page, bare, at + len(bare) - len(bare.lstrip()), height)
        at += len(line.encode("utf-16-le", "surrogatepass")) // 2 + 1  # PDFium counts in UTF-16


def _placed(page: pdfium.PdfTextPage, text: str, index: int, height: float) -> _Line:
    box = [ctypes.c_double() for _ in range(4)]
    raw.FPDFText_GetCharBox(page, index, *(ctypes.byref(edge) for edge in box))
    _, _, bottom, top = (edge.value for edge in box)
    margin = not height * MARGIN < (bottom + top) / 2 < height * (1 - MARGIN)
    return _Line(text.strip().replace(JOINED, ""), float(raw.FPDFText_GetFontSize(page, index)), bottom, margin)


def _paragraphs(lines: list[_Line]) -> Iterator[tuple[list[_Line], int]]:
    """Lines that belong together, and the level of the heading they are, else 0."""
    if not lines:
        return
    weights = Counter[float]()
    for line in lines:
        weights[round(line.size, 1)] += len(line.text)
    usual = weights.most_common(1)[0][0]
    larger = sorted({size for size in weights if size >= usual * LARGE}, reverse=True)
    steps = [above.bottom - below.bottom for above, below in pairwise(lines) if above.bottom > below.bottom]
    step = median(steps) if steps else 0.0
    group, last = list[_Line](), None
    for line in lines:
        if last is not None and _apart(last, line, step):
            yield _leveled(group, larger)
            group = []
        group.append(line)
        last = line
    yield _leveled(group, larger)


def _apart(above: _Line, below: _Line, step: float) -> bool:
    gap = above.bottom - below.bottom
    if above.margin != below.margin:
        return True
    return gap > step * GAP or gap > above.size * WIDE_GAP or gap < 0 or round(above.size, 1) != round(below.size, 1)


def _leveled(group: list[_Line], larger: list[float]) -> tuple[list[_Line], int]:
    size = round(group[0].size, 1)
    heading = size in larger and sum(len(line.text) for line in group) <= HEADING_CHARS
    return group, min(6, larger.index(size) + 1) if heading else 0
