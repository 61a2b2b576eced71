"""PDF, by PDFium (pypdfium2): opened, its pages as plain text, and as pictures where they hold none.

What an ingestion makes of it, paragraphs, headings and margins, stands in pipelines/stages/parsers/pdf.py.
"""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import pypdfium2 as pdfium  # type: ignore[import-untyped]
import pypdfium2.raw as raw  # type: ignore[import-untyped]

from cluster.errors import TooLarge, Unprocessable

MAGIC = b"%PDF-"
# A page with fewer characters than this that carries an image is read from its picture.
SCANNED_CHARS = 16
PICTURE_QUALITY = 85
POINTS_PER_INCH, DPI = 72, 200
# Stands where PDFium has put a word together that was parted at a line's end.
JOINED = "\ufffe"


@dataclass(frozen=True, slots=True)
class Page:
    """``picture``: a JPEG of a page that is read from it; None where ``text`` says it all."""

    text: str
    picture: bytes | None = None


def open_pdf(source: bytes | str) -> pdfium.PdfDocument:
    """Of bytes or a path; the caller closes it. Raises Unprocessable."""
    try:
        return pdfium.PdfDocument(source)
    except pdfium.PdfiumError as error:
        if error.err_code == raw.FPDF_ERR_PASSWORD:
            raise Unprocessable("It is a PDF protected by a password; save it without one.") from None
        raise Unprocessable("It is a PDF that is damaged or cut off.") from None


def has_image(page: pdfium.PdfPage) -> bool:
    kinds = (raw.FPDF_PAGEOBJ_IMAGE,)
    return next(iter(page.get_objects(filter=kinds, max_depth=4)), None) is not None


def picture_of(page: pdfium.PdfPage, most_pixels: int) -> bytes:
    """JPEG in shades of grey, at 200 dots an inch or what ``most_pixels`` allows."""
    width, height = page.get_size()
    scale = min(DPI / POINTS_PER_INCH, (most_pixels / max(1.0, width * height)) ** 0.5)
    picture, out = page.render(scale=scale, grayscale=True).to_pil(), BytesIO()
    picture.save(out, "JPEG", quality=PICTURE_QUALITY)
    return out.getvalue()


def page_picture(path: str, page: int, most_pixels: int) -> bytes:
    """The page (from 1) of a PDF file."""
    book = open_pdf(path)
    try:
        return picture_of(book[page - 1], most_pixels)
    except pdfium.PdfiumError:
        raise Unprocessable(f"Page {page} cannot be drawn.") from None
    finally:
        book.close()


def page_count(path: str, most: int) -> int:
    """Raises TooLarge for more than ``most``."""
    book = open_pdf(path)
    try:
        if len(book) > most:
            raise TooLarge(f"It has {len(book)} pages, at most {most} are read (setting ingest.pages).")
        return len(book)
    finally:
        book.close()


def read_page(path: str, number: int, most_pixels: int) -> Page:
    """The page (from 1) as text, or as a picture where somebody scanned it. Raises Unprocessable."""
    book = open_pdf(path)
    try:
        page = book[number - 1]
        text = _text(page)
        scanned = len(text) < SCANNED_CHARS and has_image(page)
        return Page(text, picture_of(page, most_pixels) if scanned else None)
    except pdfium.PdfiumError:
        raise Unprocessable(f"Page {number} is damaged.") from None
    finally:
        book.close()


def _text(page: pdfium.PdfPage) -> str:
    layer = page.get_textpage()
    try:
        found = layer.get_text_range() if layer.count_chars() else ""
    finally:
        layer.close()
    return "\n".join(line.rstrip() for line in found.replace(JOINED, "").splitlines()).strip()
