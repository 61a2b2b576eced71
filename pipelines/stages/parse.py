"""From the bytes of a file to pieces of text: which parser reads which format, and what is said of those that none reads."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from email.message import EmailMessage

from cluster.content.sniff import DOCX, PPTX, XLSX
from cluster.errors import HearthError, Unprocessable, UnsupportedMedia
from cluster.settings import IngestSettings
from pipelines.stages.mail import MAIL, body_part, read_mail, text_of
from pipelines.stages.parsers.html import epub, html, html_pieces
from pipelines.stages.parsers.office import slides, word
from pipelines.stages.parsers.pdf import pdf
from pipelines.stages.parsers.tables import excel, separated
from pipelines.stages.parsers.text import code, json_text, markdown, plain
from pipelines.stages.pieces import Draft, Parsed, Waiting

Parser = Callable[[bytes, str, IngestSettings], Parsed]
HEADERS = ("From", "To", "Cc", "Date")
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


def mail(content: bytes, media_type: str, limits: IngestSettings) -> Parsed:
    """Subject, sender, receivers, and what is said: as plain text if the message has it, else from its HTML."""
    message = read_mail(io.BytesIO(content))
    draft = Draft(limits.text_chars)
    draft.add("heading", _header(message, "Subject"), level=1)
    draft.add("paragraph", "\n".join(f"{name}: {value}" for name in HEADERS if (value := _header(message, name))))
    said, page = body_part(message, "plain"), body_part(message, "html")
    if said is not None:
        found = plain(text_of(said).encode(), "text/plain", limits).pieces
    else:
        found = tuple(html_pieces(text_of(page), limits.text_chars).pieces) if page is not None else ()
    for piece in found:
        draft.add(piece.kind, piece.text, level=piece.level + 1 if piece.level else 0)
    return draft.parsed(media_type)


PARSERS: Mapping[str, Parser] = {
    "application/pdf": pdf,
    "application/epub+zip": epub,
    "application/json": json_text,
    "application/jsonl": json_text,
    "text/csv": separated,
    "text/tab-separated-values": separated,
    "text/html": html,
    "text/markdown": markdown,
    "text/plain": plain,
    "text/x-code": code,
    DOCX: word,
    PPTX: slides,
    XLSX: excel,
    MAIL: mail,
}


def _held(parsed: Parsed) -> Parsed:
    if not parsed.pieces and not parsed.waiting:
        raise Unprocessable(" ".join(("It holds no text.", *parsed.cautions)))
    return parsed


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""  # the header is malformed in a way that the parser cannot get over


def _old_office(content: bytes) -> HearthError:
    if ENCRYPTED_OFFICE in content:
        return Unprocessable("It is an Office file protected by a password; save it without one.")
    return UnsupportedMedia("It is an Office file of the format before 2007; save it as .docx, .xlsx or .pptx.")
