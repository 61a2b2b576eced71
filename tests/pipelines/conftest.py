"""Files as people have them, written by the libraries that people's programs use."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterator
from email.message import EmailMessage

import docx
import openpyxl
import pptx
import pytest
from PIL import Image, ImageDraw
from reportlab.lib.pagesizes import A4
from reportlab.lib.pdfencrypt import StandardEncryption
from reportlab.lib.utils import ImageReader
from reportlab.pdfgen.canvas import Canvas

from cluster.content.isolated import Isolated
from cluster.settings import IngestSettings

PARAGRAPHS = (
    "The lighthouse keeper lit the lamp at dusk. Every evening the ships of the bay looked for its beam.",
    "In winter the exam-\nple of the old keepers was followed closely. Nobody left the tower.",
)


@pytest.fixture
def limits() -> IngestSettings:
    return IngestSettings()


@pytest.fixture(scope="session")
def process() -> Iterator[Isolated]:
    """A process for parsers, with the limits as they are by default."""
    with Isolated(IngestSettings()) as isolated:
        yield isolated


def pdf_file(pages: int = 3, password: str = "", scanned: frozenset[int] = frozenset()) -> bytes:
    """Pages with a header, a heading, two paragraphs and a page number; those that are scanned are pictures."""
    out = io.BytesIO()
    canvas = Canvas(out, pagesize=A4, encrypt=StandardEncryption(password) if password else None)
    for number in range(1, pages + 1):
        if number in scanned:
            canvas.drawImage(ImageReader(Image.open(io.BytesIO(picture(f"scan {number}")))), 0, 0, *A4)
        else:
            _pdf_page(canvas, number, pages)
        canvas.showPage()
    canvas.save()
    return out.getvalue()


def _pdf_page(canvas: Canvas, number: int, pages: int) -> None:
    canvas.setFont("Helvetica", 9)
    canvas.drawString(72, 800, "Annals of the Lighthouse")
    canvas.drawString(280, 30, f"Page {number} of {pages}")
    canvas.setFont("Helvetica-Bold", 18)
    canvas.drawString(72, 750, f"Chapter {number}")
    canvas.setFont("Helvetica", 11)
    height = 710
    for paragraph in PARAGRAPHS:
        for line in paragraph.split("\n"):
            canvas.drawString(72, height, line)
            height -= 14
        height -= 20


def picture(text: str = "hello", kind: str = "PNG") -> bytes:
    image = Image.new("RGB", (400, 200), "white")
    ImageDraw.Draw(image).text((20, 80), text, fill="black")
    out = io.BytesIO()
    image.save(out, kind)
    return out.getvalue()


def word_file() -> bytes:
    document, out = docx.Document(), io.BytesIO()
    document.add_heading("Harbour rules", level=1)
    document.add_paragraph("Ships enter from the north.")
    document.add_heading("Fees", level=2)
    document.add_paragraph("Rowing boats", style="List Bullet")
    table = document.add_table(rows=2, cols=2)
    for cell, text in zip((cell for row in table.rows for cell in row.cells), ("Ship", "Fee", "Sloop", "12"), strict=True):
        cell.text = text
    document.save(out)
    return out.getvalue()


def slides_file() -> bytes:
    deck, out = pptx.Presentation(), io.BytesIO()
    for number in (1, 2):
        slide = deck.slides.add_slide(deck.slide_layouts[1])
        slide.shapes.title.text = f"Topic {number}"
        slide.placeholders[1].text = f"What was said on slide {number}."
    deck.slides[0].notes_slide.notes_text_frame.text = "Speak slowly."
    deck.save(out)
    return out.getvalue()


def sheet_file(rows: int = 3) -> bytes:
    book, out = openpyxl.Workbook(), io.BytesIO()
    sheet = book.active
    assert sheet is not None
    sheet.title = "Tides"
    sheet.append(["day", "height"])
    for day in range(1, rows + 1):
        sheet.append([day, day / 2])
    book.save(out)
    return out.getvalue()


def zip_file(members: dict[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return out.getvalue()


def book_file() -> bytes:
    """An EPUB of two chapters, the second first in the archive."""
    container = (
        '<container xmlns="urn:oasis:names:tc:opendocument:xmlns:container"><rootfiles>'
        '<rootfile full-path="OEBPS/content.opf" media-type="application/oebps-package+xml"/></rootfiles></container>'
    )
    package = (
        '<package xmlns="http://www.idpf.org/2007/opf"><manifest>'
        '<item id="a" href="one.xhtml"/><item id="b" href="two%20b.xhtml"/></manifest>'
        '<spine><itemref idref="a"/><itemref idref="b"/></spine></package>'
    )
    page = "<html><head><title/></head><body><h1>{0}</h1><p>Text of {0}.</p></body></html>"
    return zip_file(
        {
            "mimetype": "application/epub+zip",
            "META-INF/container.xml": container,
            "OEBPS/two b.xhtml": page.format("Two"),
            "OEBPS/one.xhtml": page.format("One"),
            "OEBPS/content.opf": package,
        }
    )


def mail_file(html: bool = False, **attached: bytes) -> bytes:
    message = EmailMessage()
    message["From"], message["To"], message["Subject"] = "keeper@bay.example", "ships@bay.example", "Fog tonight"
    message["Date"], message["Message-ID"] = "Mon, 02 Nov 2026 10:00:00 +0000", "<1@bay.example>"
    message.set_content("The lamp burns all night.")
    if html:
        message.set_content("<p>The lamp burns <b>all</b> night.</p><script>steal()</script>", subtype="html")
    for name, content in attached.items():
        message.add_attachment(content, maintype="application", subtype="octet-stream", filename=name.replace("__", "."))
    return bytes(message)
