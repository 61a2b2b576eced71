"""Word and PowerPoint, by python-docx and python-pptx."""

from __future__ import annotations

from collections.abc import Iterator
from io import BytesIO
from typing import Any
from zipfile import BadZipFile

import docx
import pptx
from docx.table import Table
from docx.text.paragraph import Paragraph
from lxml.etree import XMLSyntaxError  # type: ignore[import-untyped]

from cluster.content.zips import refuse_bomb
from cluster.errors import Unprocessable
from cluster.settings import IngestSettings
from pipelines.stages.parsers.tables import table
from pipelines.stages.pieces import Draft, Parsed

# How the two libraries fail on a file that is a zip and yet not what they expect.
BROKEN = (BadZipFile, KeyError, ValueError, TypeError, AttributeError, IndexError, XMLSyntaxError, NotImplementedError)
DEEPEST_GROUP = 20


def word(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """The body: headings, paragraphs, lists and tables. Headers, footers and comments are left out."""
    refuse_bomb(BytesIO(content), limits)
    draft = Draft(limits.text_chars)
    try:
        for part in docx.Document(BytesIO(content)).iter_inner_content():
            if isinstance(part, Table):
                table(draft, ([cell.text for cell in row.cells] for row in part.rows), limits)
            else:
                _paragraph(draft, part)
    except BROKEN as error:
        raise Unprocessable(f"It is a Word file that is damaged ({type(error).__name__}).") from None
    return draft.parsed(media_type)


def slides(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """Each slide is a page: its title as heading, then its texts, tables and notes."""
    refuse_bomb(BytesIO(content), limits)
    draft = Draft(limits.text_chars)
    try:
        deck = pptx.Presentation(BytesIO(content))
        for number, slide in enumerate(deck.slides, start=1):
            if number > limits.pages:
                draft.caution(f"Slides after {limits.pages} were left out (setting ingest.pages).")
                break
            _slide(draft, slide, number, limits)
        return draft.parsed(media_type, pages=min(len(deck.slides), limits.pages))
    except BROKEN as error:
        raise Unprocessable(f"It is a PowerPoint file that is damaged ({type(error).__name__}).") from None


def _paragraph(draft: Draft, paragraph: Paragraph) -> None:
    style = (paragraph.style.name or "").lower() if paragraph.style is not None else ""
    if style == "title":
        draft.add("heading", paragraph.text, level=1)
    elif style.startswith("heading"):
        digits = "".join(filter(str.isdigit, style))
        draft.add("heading", paragraph.text, level=min(9, int(digits[:1] or "1")))
    elif style.startswith("list"):
        draft.add("list", f"- {paragraph.text}" if paragraph.text.strip() else "")
    else:
        draft.add("paragraph", paragraph.text)


def _slide(draft: Draft, slide: Any, number: int, limits: IngestSettings) -> None:
    title = slide.shapes.title
    if title is not None:
        draft.add("heading", title.text_frame.text, page=number, level=1)
    for shape in _shapes(slide.shapes):
        if title is not None and shape.shape_id == title.shape_id:
            continue
        if shape.has_text_frame:
            draft.add("paragraph", shape.text_frame.text, page=number)
        elif getattr(shape, "has_table", False):
            within = Draft(limits.text_chars)
            table(within, ([cell.text for cell in row.cells] for row in shape.table.rows), limits)
            for piece in within.pieces:
                draft.add("table", piece.text, page=number)
    if slide.has_notes_slide and slide.notes_slide.notes_text_frame is not None:
        draft.add("paragraph", slide.notes_slide.notes_text_frame.text, page=number)


def _shapes(shapes: Any, depth: int = 0) -> Iterator[Any]:
    for shape in shapes:
        if depth < DEEPEST_GROUP and hasattr(shape, "shapes"):
            yield from _shapes(shape.shapes, depth + 1)
        else:
            yield shape
