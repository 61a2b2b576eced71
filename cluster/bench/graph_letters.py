"""Letters as files: a picture, a PDF with its text, and a PDF that was scanned (Pillow, and reportlab of the dev extra)."""

from __future__ import annotations

import base64
import io
import textwrap
from collections.abc import Callable, Mapping

WIDTH, SIZE, MARGIN, STEP = 46, 30, 60, 46


def picture(text: str) -> bytes:
    """A PNG in black and white."""
    return _drawn(text, "PNG")


def scanned(text: str) -> bytes:
    """A PDF whose page is a picture."""
    return _drawn(text, "PDF")


def typed(text: str) -> bytes:
    """A PDF whose page is text."""
    from reportlab.lib.pagesizes import A4
    from reportlab.pdfgen.canvas import Canvas

    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4)
    for at, line in enumerate(_lines(text)):
        canvas.drawString(MARGIN, A4[1] - MARGIN - at * 16, line)
    canvas.showPage()
    canvas.save()
    return out.getvalue()


# How a letter comes, by what it is called in the report.
FORMS: Mapping[str, tuple[str, Callable[[str], bytes]]] = {
    "PNG": ("image/png", picture),
    "PDF": ("application/pdf", typed),
    "scanned PDF": ("application/pdf", scanned),
}


def as_url(form: str, text: str) -> str:
    """A `data:` URL."""
    media_type, make = FORMS[form]
    return f"data:{media_type};base64,{base64.b64encode(make(text)).decode()}"


def _lines(text: str) -> list[str]:
    return textwrap.wrap(text, WIDTH)


def _drawn(text: str, kind: str) -> bytes:
    from PIL import Image, ImageDraw, ImageFont

    lines = _lines(text)
    image = Image.new("L", (2 * MARGIN + WIDTH * SIZE * 6 // 10, 2 * MARGIN + STEP * len(lines)), 255)
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(SIZE)
    for at, line in enumerate(lines):
        pen.text((MARGIN, MARGIN + at * STEP), line, fill=0, font=font)
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()
