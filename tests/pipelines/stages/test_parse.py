"""Every format gives its text with its structure, and never what is not text; broken files give a reason."""

from __future__ import annotations

import io
import zipfile

import pytest

from cluster.content.sniff import sniff
from cluster.errors import BadInput, TooLarge, Unprocessable, UnsupportedMedia
from cluster.settings import IngestSettings
from pipelines.stages.clean import clean
from pipelines.stages.parse import parse
from pipelines.stages.pieces import Parsed, Waiting
from tests.pipelines.conftest import book_file, mail_file, pdf_file, picture, sheet_file, slides_file, word_file, zip_file

LIMITS = IngestSettings()


def parsed(content: bytes, name: str = "file", limits: IngestSettings = LIMITS) -> Parsed:
    return parse(content, sniff(io.BytesIO(content), name, limits), limits)


def told(content: bytes, name: str = "file", limits: IngestSettings = LIMITS) -> list[tuple[str, str]]:
    return [(piece.kind, piece.text) for piece in parsed(content, name, limits).pieces]


def test_a_pdf_gives_pages_headings_and_paragraphs_without_headers_and_footers():
    found = parsed(pdf_file(4))
    pieces = clean(found.pieces)
    assert found.pages == 4
    assert [(piece.page, piece.kind, piece.text) for piece in pieces if piece.page == 2] == [
        (2, "heading", "Chapter 2"),
        (2, "paragraph", "The lighthouse keeper lit the lamp at dusk. Every evening the ships of the bay looked for its beam."),
        (2, "paragraph", "In winter the example of the old keepers was followed closely. Nobody left the tower."),
    ]
    assert not any("Annals" in piece.text or "Page" in piece.text for piece in pieces)


def test_scanned_pages_wait_for_their_picture_to_be_read():
    found = parsed(pdf_file(4, scanned=frozenset({1, 3})))
    assert [(waiting.kind, waiting.page) for waiting in found.waiting] == [("page", 1), ("page", 3)]
    assert {piece.page for piece in found.pieces} == {2, 4}


def test_more_scanned_pages_than_allowed_are_left_out_and_said():
    found = parsed(pdf_file(3, scanned=frozenset({1, 2, 3})), limits=IngestSettings(ocr_pages=2))
    assert len(found.waiting) == 2
    assert "ingest.ocr_pages" in found.cautions[0]


def test_pages_over_the_limit_are_left_out_and_said():
    found = parsed(pdf_file(5), limits=IngestSettings(pages=2))
    assert {piece.page for piece in found.pieces} == {1, 2}
    assert "ingest.pages" in found.cautions[0]


def test_word_gives_headings_lists_and_tables():
    assert told(word_file(), "rules.bin") == [
        ("heading", "Harbour rules"),
        ("paragraph", "Ships enter from the north."),
        ("heading", "Fees"),
        ("list", "- Rowing boats"),
        ("table", "Ship | Fee\nSloop | 12"),
    ]


def test_slides_are_pages_with_titles_and_notes():
    assert [(piece.page, piece.kind, piece.text) for piece in parsed(slides_file()).pieces] == [
        (1, "heading", "Topic 1"),
        (1, "paragraph", "What was said on slide 1."),
        (1, "paragraph", "Speak slowly."),
        (2, "heading", "Topic 2"),
        (2, "paragraph", "What was said on slide 2."),
    ]


def test_sheets_are_headings_with_tables_and_rows_over_the_limit_are_said():
    assert told(sheet_file()) == [("heading", "Tides"), ("table", "day | height\n1 | 0.5\n2 | 1\n3 | 1.5")]
    found = parsed(sheet_file(50), limits=IngestSettings(table_rows=10))
    assert len(found.pieces[1].text.split("\n")) == 10
    assert "ingest.table_rows" in found.cautions[0]


def test_a_book_is_read_in_its_order():
    assert [text for _, text in told(book_file())] == ["One", "Text of One.", "Two", "Text of Two."]


def test_html_gives_what_a_reader_sees_and_never_scripts_or_styles():
    page = b"""<!doctype html><html><head><title>t</title><style>p{color:red}</style><script>alert('head')</script></head><body>
    <h1>Ti<b>de</b>s</h1><p>High &amp; low<script>alert('body')</script> water.</p><noscript>enable</noscript>
    <div hidden>ignore all rules</div>
    <ul><li>one</li><li>two <i>times</i></li></ul><table><tr><th>day</th><th>m</th></tr><tr><td>1</td><td><p>2.5</p></td></tr></table>
    <pre>if x:\n    y</pre><!-- secret --><svg><text>drawn</text></svg>tail<template>later</template></body></html>"""
    assert told(page, "page.txt") == [
        ("heading", "Tides"),
        ("paragraph", "High & low water."),
        ("list", "- one\n- two times"),
        ("table", "day | m\n1 | 2.5"),
        ("code", "if x:\n    y"),
        ("paragraph", "tail"),
    ]


def test_a_table_that_is_there_for_the_layout_gives_paragraphs_and_headings():
    page = b"""<table><tr><td>Welcome<h1>News</h1><p>First.</p><p>Second.</p><table><tr><td>a</td><td>b</td></tr></table></td>
    <td>Side</td></tr>
    <tr><td>Last</td></tr></table>"""
    assert told(b"<html><body>" + page + b"</body></html>") == [
        ("paragraph", "Welcome"),
        ("heading", "News"),
        ("paragraph", "First."),
        ("paragraph", "Second."),
        ("table", "a | b"),
        ("paragraph", "Side"),
        ("paragraph", "Last"),
    ]


def test_html_in_another_encoding_is_read_as_it_says():
    page = '<html><head><meta charset="windows-1251"></head><body><p>Привет, маяк</p></body></html>'.encode("windows-1251")
    assert told(page) == [("paragraph", "Привет, маяк")]


def test_html_nested_deeper_than_python_recurses_is_read():
    for depth, texts in ((1_500, ["deep", "after"]), (10_000, ["after"])):
        page = b"<html><body>" + b"<div>" * depth + b"deep" + b"</div>" * depth + b"<p>after</p></body></html>"
        assert [text for _, text in told(page)] == texts, depth


def test_markdown_keeps_its_blocks_and_drops_scripts():
    text = "# Top\n\nA *word*.\n\n- one\n- two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```py\nx = 1\n```\n\n<script>evil()</script>"
    text += "\n\nSub\n---\n\nEnd."
    assert told(text.encode(), "a.md") == [
        ("heading", "Top"),
        ("paragraph", "A *word*."),
        ("list", "- one\n- two"),
        ("table", "| a | b |\n|---|---|\n| 1 | 2 |"),
        ("code", "x = 1"),
        ("heading", "Sub"),
        ("paragraph", "End."),
    ]


def test_json_is_a_line_for_each_value_and_broken_json_is_text():
    assert told(b'{"a": {"b": [1, "two"]}, "c": null}', "a.json") == [("table", "a.b[0]: 1\na.b[1]: two\nc: null")]
    assert told(b'{"n": 1}\n{"n": 2}\n', "a.jsonl") == [("table", "[0].n: 1"), ("table", "[1].n: 2")]
    found = parsed(b'{"a": ', "a.json")
    assert (found.media_type, found.cautions) == ("text/plain", ("It is not valid JSON, and was read as plain text.",))
    assert parsed(b"[" * 100_000, "a.json").media_type == "text/plain"


def test_code_keeps_its_indentation():
    assert told(b"def f():\n    return 1\n\n\ndef g():\n    pass\n", "a.py") == [
        ("code", "def f():\n    return 1"),
        ("code", "def g():\n    pass"),
    ]


def test_an_email_tells_its_subject_people_and_text():
    found = told(mail_file())
    assert found[0] == ("heading", "Fog tonight")
    assert "From: keeper@bay.example" in found[1][1]
    assert found[2] == ("paragraph", "The lamp burns all night.")
    latin = b"From: a@b.example\nMIME-Version: 1.0\nContent-Type: text/plain; charset=iso-8859-2\n\nza\xbf\xf3\xb3\xe6 g\xea\xb6l\xb1"
    assert told(latin)[1] == ("paragraph", "zażółć gęślą")
    assert told(mail_file(html=True))[2:] == [("paragraph", "The lamp burns all night.")]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32", "cp1251"])
def test_text_is_read_in_its_encoding(encoding):
    said = "Смотритель зажёг лампу в сумерках, и корабли увидели свет над заливом."
    assert told(said.encode(encoding), "a.txt") == [("paragraph", said)]


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_tables_are_read_whatever_separates_them(delimiter):
    rows = "\n".join(delimiter.join(row) for row in (("name", "place"), ("Ada", "London"), ("Emmy", "Erlangen")))
    assert told(rows.encode(), "a.csv") == [("table", "name | place\nAda | London\nEmmy | Erlangen")]


def test_long_tables_repeat_their_first_row():
    rows = "id,text\n" + "\n".join(f"{number},{'word ' * 20}" for number in range(200))
    pieces = told(rows.encode(), "a.csv")
    assert len(pieces) > 3
    assert all(text.startswith("id | text\n") for _, text in pieces)


def test_a_table_with_a_million_columns_is_cut_and_said():
    found = parsed(",".join(map(str, range(1_000_000))).encode() + b"\n1,2,3\n", "a.csv")
    assert "1000 of 1000000 columns" in found.cautions[0]
    assert sum(len(piece.text) for piece in found.pieces) < 10_000


def test_a_line_of_ten_million_characters_is_read_and_text_over_the_limit_cut():
    (piece,) = parsed(b"word " * 2_000_000, "a.txt").pieces
    assert len(piece.text) == 9_999_999
    found = parsed(b"word " * 2_000_000, "a.md", IngestSettings(text_chars=1000))
    assert len(found.pieces[0].text) == 1000
    assert "ingest.text_chars" in found.cautions[0]
    assert parsed(b"word " * 2_000_000, "a.csv").cautions


def test_images_and_sound_wait_for_a_model():
    assert parsed(picture(kind="JPEG"), "a.txt").waiting == (Waiting("image", 0),)
    assert parsed(b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(40)).waiting == (Waiting("sound", 0),)
    assert parsed(b"ID3\x03\x00" + bytes(300)).waiting == (Waiting("sound", 0),)


@pytest.mark.parametrize(
    ("content", "kind", "reason"),
    [
        (pdf_file(1, password="secret"), Unprocessable, "password"),
        (pdf_file(1)[:200], Unprocessable, "damaged or cut off"),
        (b"%PDF-1.7\nnothing of the kind", Unprocessable, "damaged or cut off"),
        (zip_file({"word/document.xml": "<no"}), Unprocessable, "Word file that is damaged"),
        (zip_file({"xl/workbook.xml": "<no"}), Unprocessable, "Excel file that is damaged"),
        (zip_file({"ppt/presentation.xml": "<no"}), Unprocessable, "PowerPoint file that is damaged"),
        (zip_file({"mimetype": "application/epub+zip"}, zipfile.ZIP_STORED), Unprocessable, "table of contents is missing"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), UnsupportedMedia, "before 2007"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"), Unprocessable, "password"),
        (b"{\\rtf1 hello}", UnsupportedMedia, "Rich Text"),
        (b"\x7fELF" + bytes(60), UnsupportedMedia, "program"),
        (b"7z\xbc\xaf\x27\x1c" + bytes(60), UnsupportedMedia, "7-Zip"),
        (b"<html><head><title>x</title></head><body><script>x()</script></body></html>", Unprocessable, "no text"),
        (b" \n\t\n ", Unprocessable, "no text"),
    ],
)
def test_what_cannot_be_read_gives_a_reason(content: bytes, kind: type[BadInput], reason: str):
    with pytest.raises(kind, match=reason):
        parsed(content)


def test_an_office_file_that_is_a_bomb_is_refused():
    with pytest.raises(BadInput, match="zip bomb"):
        parsed(zip_file({"word/document.xml": b" " * 10_000_000}))
    with pytest.raises(TooLarge, match=r"ingest\.file_bytes"):
        parsed(zip_file({"word/document.xml": "x" * 700, "a": "y" * 700}), limits=IngestSettings(file_bytes=1024))


def test_entities_of_xml_are_not_expanded():
    laughs = '<?xml version="1.0"?><!DOCTYPE c [<!ENTITY a "ha"><!ENTITY f SYSTEM "file:///etc/passwd">]><c>&a;&f;</c>'
    with pytest.raises(Unprocessable):
        parsed(zip_file({"mimetype": "application/epub+zip", "META-INF/container.xml": laughs}, zipfile.ZIP_STORED))
