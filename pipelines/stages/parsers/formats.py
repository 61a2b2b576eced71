"""The parser of each format."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from email.message import EmailMessage

from cluster.content.sniff import DOCX, PPTX, XLSX
from cluster.settings import IngestSettings
from pipelines.stages.mail import MAIL, body_part, read_mail, text_of
from pipelines.stages.parsers.html import epub, html, html_pieces
from pipelines.stages.parsers.office import slides, word
from pipelines.stages.parsers.pdf import pdf
from pipelines.stages.parsers.tables import excel, separated
from pipelines.stages.parsers.text import code, json_text, markdown, plain
from pipelines.stages.pieces import Draft, Parsed

Parser = Callable[[bytes, str, IngestSettings], Parsed]
HEADERS = ("From", "To", "Cc", "Date")


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


def _header(message: EmailMessage, name: str) -> str:
    try:
        return " ".join(str(message[name] or "").split())
    except (ValueError, LookupError, TypeError, AttributeError):
        return ""  # the header is malformed in a way that the parser cannot get over


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
