"""From the bytes of a file to pieces of text: which parser reads which format, and what is said of those that none reads."""

from __future__ import annotations

from cluster.errors import HearthError, Unprocessable, UnsupportedMedia
from cluster.settings import IngestSettings
from pipelines.stages.pieces import Parsed, Waiting

UNREADABLE = {
    "application/rtf": "It is a Rich Text file; save it as Word (.docx) or PDF.",
    "application/x-executable": "It is a program.",
    "application/x-7z-compressed": "It is a 7-Zip archive; pack it as zip.",
    "application/vnd.rar": "It is a RAR archive; pack it as zip.",
    "application/zstd": "It is packed with Zstandard; pack it as zip or gzip.",
}
ENCRYPTED_OFFICE = "EncryptedPackage".encode("utf-16-le")


def parse(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """The pieces of a file. Raises UnsupportedMedia when no parser reads the format, and Unprocessable or TooLarge when this file cannot
    be read."""
    # Their libraries take a second to load, and most processes that name this function have another one call it (see isolated.py).
    from pipelines.stages.parsers.formats import PARSERS

    family = media_type.partition("/")[0]
    if media_type == "application/x-ole":
        raise _old_office(content)
    parser = PARSERS.get(media_type)
    if parser is not None:
        return _held(parser(content, media_type, limits))
    if family == "image":
        return Parsed(media_type, (), (Waiting("image", 0),))
    if family in {"audio", "video"}:
        return Parsed(media_type, (), (Waiting("sound", 0),))
    raise UnsupportedMedia(UNREADABLE.get(media_type, f"Files of the type {media_type} are not read here."))


def _held(parsed: Parsed) -> Parsed:
    if not parsed.pieces and not parsed.waiting:
        raise Unprocessable(" ".join(("It holds no text.", *parsed.cautions)))
    return parsed


def _old_office(content: bytes) -> HearthError:
    if ENCRYPTED_OFFICE in content:
        return Unprocessable("It is an Office file protected by a password; save it without one.")
    return UnsupportedMedia("It is an Office file of the format before 2007; save it as .docx, .xlsx or .pptx.")
