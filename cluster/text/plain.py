"""A text without any file around it, as a document that can be cut."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

from cluster.contracts.documents import Block, Document


def plain(text: str, name: str = "text", version: int = 1) -> Document:
    """The text exactly as it is, with its paragraphs (blank lines part them) as blocks; a text of white space alone has none."""
    digest = hashlib.sha256(text.encode(errors="replace")).hexdigest()
    return Document(name, version, name, "text/plain", digest, text, tuple(_paragraphs(text)))


def _paragraphs(text: str) -> Iterator[Block]:
    start, end, at = None, 0, 0
    for line in text.split("\n"):
        if line and not line.isspace():
            start, end = at if start is None else start, at + len(line)
        elif start is not None:
            yield _paragraph(text, start, end)
            start = None
        at += len(line) + 1
    if start is not None:
        yield _paragraph(text, start, end)


def _paragraph(text: str, start: int, end: int) -> Block:
    return Block("paragraph", text[start:end], start, end)
