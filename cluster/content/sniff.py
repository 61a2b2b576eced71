"""What a file is, told by its content. Its name only helps where content cannot decide: among kinds of text.

Binary formats are known by puremagic's signatures, those inside a zip by what the zip holds (signatures confuse them).
"""

from __future__ import annotations

import codecs
import re
from pathlib import PurePosixPath
from typing import BinaryIO

import puremagic
from charset_normalizer import from_bytes

from cluster.content.zips import open_zip, unpack
from cluster.errors import BadInput, Unprocessable, UnsupportedMedia
from cluster.settings import IngestSettings

HEAD = 8192
SAMPLE = 256 * 1024
BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"
PPTX = "application/vnd.openxmlformats-officedocument.presentationml.presentation"
XLSX = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
OFFICE = {"word/document.xml": DOCX, "ppt/presentation.xml": PPTX, "xl/workbook.xml": XLSX}
# Signatures for which puremagic knows several names, or too many files.
FIRST = (
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\x00", "application/x-xz"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole"),
    (b"{\\rtf", "application/rtf"),
    (b"\x7fELF", "application/x-executable"),
    (b"MZ", "application/x-executable"),
)
NAMED = {
    **dict.fromkeys(("md", "markdown", "mdown"), "text/markdown"),
    **dict.fromkeys(("csv",), "text/csv"),
    **dict.fromkeys(("tsv", "tab"), "text/tab-separated-values"),
    **dict.fromkeys(("json",), "application/json"),
    **dict.fromkeys(("jsonl", "ndjson"), "application/jsonl"),
    **dict.fromkeys(("html", "htm", "xhtml"), "text/html"),
    **dict.fromkeys(
        """py js ts tsx jsx java c h cc cpp hpp cs go rs rb php pl sh bash zsh fish ps1 sql r jl lua swift kt kts scala clj ex exs erl hs ml
        fs vb asm s css scss less vue svelte yaml yml toml ini cfg conf xml xsd xsl svg proto graphql tf dockerfile make cmake gradle tex
        ipynb diff patch""".split(),
        "text/x-code",
    ),
}
MAIL_HEADER = re.compile(
    rb"^(?:From|To|Subject|Date|Received|Return-Path|MIME-Version|Message-ID|Delivered-To|DKIM-Signature):", re.I | re.M
)
HTML_START = re.compile(rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.I | re.S)
XML_START = re.compile(rb"^\s*<\?xml\b")
CONTROL = frozenset(range(32)) - {7, 8, 9, 10, 12, 13, 27}


def sniff(file: BinaryIO, name: str, limits: IngestSettings) -> str:
    """The media type of what the file holds; the file is at its beginning afterwards. Raises UnsupportedMedia when it is neither text nor
    of a known format."""
    head = file.read(HEAD)
    file.seek(0)
    if b"%PDF-" in head[:1024]:
        return "application/pdf"
    media = next((media for magic, media in FIRST if head.startswith(magic)), None)
    if media == "application/zip":
        return _in_zip(file, limits)
    if media is not None:
        return media
    if head[257:262] == b"ustar":
        return "application/x-tar"
    return _text(head, name) if looks_like_text(head) else _binary(head)


def looks_like_text(head: bytes) -> bool:
    """Whether bytes are characters of some encoding rather than of a binary format."""
    if any(head.startswith(bom) for bom, _ in BOMS):
        return True
    return sum(byte in CONTROL for byte in head) * 100 <= len(head) and b"\0" not in head


def decode(content: bytes, most_chars: int) -> str:
    """The text of the bytes, in the encoding that a mark names, UTF-8, or what its letters suggest; no more than is needed for
    ``most_chars`` + 1 characters is decoded."""
    content = content[: (most_chars + 1) * 4]
    encoding = next((name for bom, name in BOMS if content.startswith(bom)), "utf-8")
    try:
        return codecs.getincrementaldecoder(encoding)("strict").decode(content, final=False)
    except UnicodeDecodeError:
        best = from_bytes(content[:SAMPLE]).best()
    if best is None:
        raise Unprocessable("It is text in an encoding that cannot be told; save it as UTF-8.")
    return content.decode(best.encoding, errors="replace")


def _text(head: bytes, name: str) -> str:
    top = head.split(b"\n\n", 1)[0].split(b"\r\n\r\n", 1)[0]
    found = {match.lower() for match in MAIL_HEADER.findall(top)}
    if b"from:" in found and found & {b"mime-version:", b"message-id:", b"received:"} and MAIL_HEADER.match(top):
        return "message/rfc822"
    if HTML_START.match(head):
        return "text/html"
    path = PurePosixPath(name.replace("\\", "/"))
    suffix = path.suffix.lower().removeprefix(".") or path.name.lower().removesuffix("file")
    named = NAMED.get(suffix)
    if suffix == "eml" and found:
        return "message/rfc822"
    if named is None and XML_START.match(head):
        return "text/x-code"
    return named or "text/plain"


def _in_zip(file: BinaryIO, limits: IngestSettings) -> str:
    try:
        with open_zip(file, limits) as archive:
            names = archive.NameToInfo
            office = next((media for member, media in OFFICE.items() if member in names), None)
            kind = names.get("mimetype")
            book = kind is not None and kind.file_size < 100 and unpack(archive, kind).strip() == b"application/epub+zip"
    except BadInput:
        return "application/zip"  # whoever unpacks it says what is wrong
    finally:
        file.seek(0)
    return "application/epub+zip" if book else office or "application/zip"


def _binary(head: bytes) -> str:
    try:
        matches = puremagic.magic_string(head)
    except (puremagic.PureError, ValueError):
        matches = []
    medium = next((match.mime_type for match in matches if match.mime_type.partition("/")[0] in {"image", "audio", "video"}), None)
    media = medium or next((match.mime_type for match in matches if match.mime_type), None)
    if media is None or not matches or matches[0].confidence < 0.1:
        raise UnsupportedMedia("It is neither text nor of a format that is known here.")
    return str(media)
