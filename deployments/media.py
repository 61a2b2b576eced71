"""What some bytes are, judged by how they begin: never by a file's name or by what the sender claims.

For choosing a decoder and for naming what cannot be read. A library (filetype, puremagic) would know hundreds of formats more,
which is not worth a dependency for one noun in an error message.
"""

from __future__ import annotations

_PREFIXES = (
    (b"\xff\xd8\xff", "a JPEG image"),
    (b"\x89PNG\r\n\x1a\n", "a PNG image"),
    (b"GIF8", "a GIF image"),
    (b"BM", "a BMP image"),
    (b"II*\0", "a TIFF image"),
    (b"MM\0*", "a TIFF image"),
    (b"\0\0\1\0", "an icon"),
    (b"8BPS", "a Photoshop image"),
    (b"%PDF-", "a PDF document"),
    (b"PK\3\4", "a ZIP archive (or an Office document)"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"Rar!", "a RAR archive"),
    (b"7z\xbc\xaf", "a 7-Zip archive"),
    (b"\x7fELF", "a program"),
    (b"ID3", "an MP3 sound"),
    (b"fLaC", "a FLAC sound"),
    (b"OggS", "an Ogg file"),
    (b"\x1aE\xdf\xa3", "a WebM or Matroska file"),
    (b"FORM", "an AIFF sound"),
    (b"#!AMR", "an AMR sound"),
    (b"MThd", "a MIDI file"),
    (b".snd", "an AU sound"),
    (b"0&\xb2u", "a Windows Media file"),
    (b"FLV", "a Flash video"),
)
_RIFF = {b"WAVE": "a WAV sound", b"WEBP": "a WebP image", b"AVI ": "an AVI video"}
_BRANDS = {b"avif": "an AVIF image", b"avis": "an AVIF image", b"heic": "a HEIC image", b"heix": "a HEIC image", b"mif1": "a HEIC image"}


def describe(data: bytes) -> str:
    """A noun for people: "a PDF document", "a TIFF image", "text", "unknown bytes"."""
    if not data:
        return "nothing"
    if data[:4] in (b"RIFF", b"RF64"):
        return _RIFF.get(data[8:12], "a RIFF file")
    if data[4:8] == b"ftyp":
        return _BRANDS.get(data[8:12], "an MP4 file")
    named = next((name for prefix, name in _PREFIXES if data.startswith(prefix)), None)
    return named or _text(data) or "unknown bytes"


def _text(data: bytes) -> str | None:
    head = data[:512]
    if b"\0" in head:
        return None
    try:
        text = head.decode("utf-8", errors="strict" if len(data) <= len(head) else "ignore")
    except UnicodeDecodeError:
        return None
    if len(text.encode()) < len(head) - 3 or not all(letter.isprintable() or letter.isspace() for letter in text):
        return None
    start = text.lstrip().lower()
    if start.startswith("#extm3u"):
        return "a playlist"
    if "<svg" in start:
        return "an SVG image"
    return "HTML or XML" if start.startswith("<") else "text"
