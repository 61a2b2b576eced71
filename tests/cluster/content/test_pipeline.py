"""Content is validated, recognised, made harmless and read; or it is said why not."""

from __future__ import annotations

import io
import zipfile

import pytest

from cluster.content.media import agrees, media_of
from cluster.content.pipeline import ContentProcessingPipeline
from cluster.errors import TooLarge, Unprocessable, UnsupportedMedia
from cluster.settings import IngestSettings

PAGE = b"""<!doctype html><html><head><title>Bay &amp; tides</title><style>p{}</style></head><body onload="x()"><script>steal()</script>
<h1>Tides</h1><p>High<b>er</b> water\xc2\xad at&nbsp;noon.</p><iframe src="http://10.0.0.1"></iframe><p>Low at dusk.</p></body></html>"""


def pipeline(most_bytes: int = 10**6, text_chars: int = 10**6) -> ContentProcessingPipeline:
    return ContentProcessingPipeline(IngestSettings(), most_bytes=most_bytes, text_chars=text_chars)


def packed(content: bytes) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.txt", content)
    return out.getvalue()


def test_a_page_is_its_words_without_anything_that_acts():
    made = pipeline().process(PAGE, "text/html", {})
    assert (made.media_type, made.title) == ("text/html", "Bay & tides")
    assert made.text is not None
    assert [line for line in made.text.split("\n") if line] == ["Tides", "Higher water at noon.", "Low at dusk."]
    assert made.content == PAGE


def test_a_given_title_is_words_only():
    assert pipeline().process(PAGE, "text/html", {"title": "<script>x()</script>The\u202e <b>bay</b>"}).title == "The bay"


@pytest.mark.parametrize(
    ("content", "declared", "media"),
    [
        (b"words", "text/plain", "text/plain"),
        (b'{"a": 1}', "application/json", "application/json"),
        (b"a,b\n1,2\n", "text/csv", "text/csv"),
        (b"<?xml version='1.0'?><a/>", "application/xml", "text/x-code"),
        (b"%PDF-1.7 ...", "application/pdf", "application/pdf"),
        (b"\x89PNG\r\n\x1a\n" + bytes(40), "image/png", "image/png"),
        (packed(b"a"), "application/zip", "application/zip"),
        (PAGE, "text/plain", "text/html"),
    ],
)
def test_a_type_is_told_by_the_content(content, declared, media):
    assert pipeline().process(content, declared, {}).media_type == media


@pytest.mark.parametrize(
    ("content", "declared", "error", "why"),
    [
        (b"", "text/plain", Unprocessable, "empty"),
        (b"a" * 2000, "text/plain", TooLarge, "content.item_bytes"),
        (PAGE, "application/pdf", UnsupportedMedia, "said to be application/pdf"),
        (b"MZ" + bytes(100), "", UnsupportedMedia, "program"),
        (b"\x7fELF" + bytes(100), "application/octet-stream", UnsupportedMedia, "program"),
        (b"{broken", "application/json", Unprocessable, "not"),
        (b"[" * 900, "application/json", Unprocessable, "JSON"),
        (bytes(range(256)) * 3, "", UnsupportedMedia, "not supported"),
        (packed(bytes(2 * 2**20))[:1000], "application/zip", Unprocessable, r"\w"),
    ],
)
def test_what_cannot_be_processed_and_what_is_not_supported_are_told_apart(content, declared, error, why):
    with pytest.raises(error, match=why) as refused:
        pipeline(most_bytes=1000).process(content, declared, {})
    assert type(refused.value) is error


def test_a_bomb_is_not_taken():
    with pytest.raises(Unprocessable, match="archive_ratio"):
        pipeline().process(packed(bytes(50 * 2**20)), "application/zip", {})


def test_a_long_text_is_cut_and_that_is_said():
    made = pipeline(text_chars=10).process(b"words " * 20, "text/plain", {})
    assert made.text == "words word"
    assert "content.text_chars" in made.cautions[0]


def test_what_a_server_says_is_held_against_what_it_sends():
    assert media_of('Text/HTML; charset="x"') == "text/html"
    assert media_of("nonsense") == media_of(None) == media_of("a b/c") == ""
    assert agrees("", "application/pdf")
    assert agrees("binary/octet-stream", "text/html")
    assert agrees("text/css", "text/plain")
    assert agrees("image/jpg", "image/jpeg")
    assert agrees("image/x-new", "application/octet-stream")
    assert agrees("video/mp4", "audio/mp4")
    assert agrees("application/vnd.ms-excel", "application/x-ole")
    assert agrees("application/x-git-upload-pack-advertisement", "text/plain")
    for declared, found in (
        ("image/png", "text/html"),
        ("application/pdf", "text/html"),
        ("text/plain", "application/x-executable"),
        ("application/x-whatever", "text/html"),
        ("application/pdf", "application/zip"),
    ):
        assert not agrees(declared, found)
