"""What a document becomes on its way into the index: its plain text, the blocks that make it up, and the chunks that are found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

BlockKind = Literal["heading", "paragraph", "list", "table", "code"]
ChunkStrategy = Literal["sentences", "tokens", "structure", "parents"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Something that could not be read as it was. ``path``: what it is called, archives and e-mails on the way included. ``reason`` is a
    sentence for people. ``skipped``: nothing of it was taken; else it was taken, but for what the reason names. ``document``: its id.
    ``root``: id of the source it came in, itself or an archive or an e-mail."""

    path: str
    reason: str
    skipped: bool = True
    document: str | None = None
    root: str | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """``text`` is exactly what stands at ``start`` to ``end`` (exclusive) of the document's text. ``page`` counts from 1. ``level``: of a
    heading, from 1; else 0. ``heading_path``: the headings above it, outermost first; that of a heading ends with itself."""

    kind: BlockKind
    text: str
    start: int
    end: int
    page: int | None = None
    level: int = 0
    heading_path: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """One version of a document. Spans of its blocks and chunks count characters of ``text``. ``content_hash``: SHA-256 of the bytes it was
    read from, in hexadecimal."""

    id: str
    version: int
    path: str
    media_type: str
    content_hash: str
    text: str
    blocks: tuple[Block, ...]
    pages: int | None = None


@dataclass(frozen=True, slots=True)
class Chunk:
    """``text`` is exactly what stands at ``start`` to ``end`` (exclusive) of the document's text. ``number`` counts from 0 within the
    document; the same content, cut the same way, has the same numbers in every run. ``parent``: number of the larger chunk around it.
    ``is_parent``: it is there to be shown around others, not to be found. ``page``: on which it begins; ``turns``: where in the text, and
    with which number, further pages begin within it."""

    document: str
    version: int
    number: int
    text: str
    start: int
    end: int
    page: int | None = None
    heading_path: tuple[str, ...] = ()
    parent: int | None = None
    is_parent: bool = False
    turns: tuple[tuple[int, int], ...] = ()
