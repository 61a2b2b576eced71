"""What a parser makes of a file, before it is cleaned and put together as one text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from cluster.contracts.documents import Block, BlockKind, Document

# Between two blocks of a document's text.
BETWEEN = "\n\n"


@dataclass(frozen=True, slots=True)
class Piece:
    """A heading, paragraph, list, table or piece of code. ``lines``: its line breaks are those of a printed page, not the author's.
    ``margin``: it stands at the upper or lower edge of such a page."""

    kind: BlockKind
    text: str
    page: int | None = None
    level: int = 0
    lines: bool = False
    margin: bool = False


@dataclass(frozen=True, slots=True)
class Waiting:
    """Something whose text only a model can read: an image, a sound file, or a page that is a picture. ``at``: before which piece of the
    others its text belongs."""

    kind: Literal["image", "page", "sound"]
    at: int
    page: int | None = None


@dataclass(frozen=True, slots=True)
class Parsed:
    """``cautions``: what of the file was left out, one sentence each."""

    media_type: str
    pieces: tuple[Piece, ...]
    waiting: tuple[Waiting, ...] = ()
    pages: int | None = None
    cautions: tuple[str, ...] = ()


@dataclass(slots=True)
class Draft:
    """Pieces as a parser finds them, up to ``most_chars`` characters; what comes after is dropped, and said once."""

    most_chars: int
    pieces: list[Piece] = field(default_factory=list)
    cautions: list[str] = field(default_factory=list)
    chars: int = 0

    @property
    def full(self) -> bool:
        return self.chars >= self.most_chars

    def add(self, kind: BlockKind, text: str, page: int | None = None, level: int = 0, lines: bool = False, margin: bool = False) -> None:
        """Adds a piece, unless it holds no text."""
        text = text.strip("\n") if kind == "code" else text.strip()
        if not text or self.full:
            self._cut(bool(text))
            return
        room = self.most_chars - self.chars
        self._cut(len(text) > room)
        text = text[:room]
        self.chars += len(text)
        self.pieces.append(Piece(kind, text, page, level, lines, margin))

    def caution(self, sentence: str) -> None:
        if sentence not in self.cautions:
            self.cautions.append(sentence)

    def parsed(self, media_type: str, pages: int | None = None, waiting: Sequence[Waiting] = ()) -> Parsed:
        return Parsed(media_type, tuple(self.pieces), tuple(waiting), pages, tuple(self.cautions))

    def _cut(self, needed: bool) -> None:
        if needed:
            self.caution(f"Its text was cut after {self.most_chars} characters (setting ingest.text_chars).")


def assemble(document: Document, pieces: Sequence[Piece]) -> Document:
    """The document with the pieces as its text, blank lines between them, and as blocks whose spans lie in that text."""
    blocks, path, at = list[Block](), list[tuple[int, str]](), 0
    for piece in pieces:
        if piece.kind == "heading":
            level = max(1, piece.level)
            path = [above for above in path if above[0] < level] + [(level, " ".join(piece.text.split())[:200])]
        titles = tuple(title for _, title in path)
        blocks.append(Block(piece.kind, piece.text, at, at + len(piece.text), piece.page, piece.level, titles))
        at += len(piece.text) + len(BETWEEN)
    text = BETWEEN.join(piece.text for piece in pieces)
    return replace(document, text=text, blocks=tuple(blocks))
