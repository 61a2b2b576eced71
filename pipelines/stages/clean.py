"""Makes text what a reader sees: composed letters, no invisible characters, words whole again, and no line that every page repeats."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from cluster.text.cleaning import clean_text
from pipelines.stages.pieces import Piece

HYPHENATED = re.compile(r"(?<=[^\W\d_])[-\u2010](?: )?\n(?=[^\W\d_])")
DIGITS = re.compile(r"\d+")
# A line that stands in the margin of this share of the pages, and of at least so many, is a header or footer.
SHARE, FEWEST_PAGES = 0.6, 3


def clean(pieces: Sequence[Piece]) -> tuple[Piece, ...]:
    """The pieces cleaned; those that hold nothing more are gone. Cleaning what is clean changes nothing."""
    cleaned = [replace(piece, text=clean_text(piece.text, keep_spaces=piece.kind == "code")) for piece in pieces]
    whole = [replace(piece, text=unwrap(piece.text), lines=False) if piece.lines else piece for piece in without_repeated(cleaned)]
    return tuple(piece for piece in whole if piece.text and not piece.text.isspace())


def unwrap(text: str) -> str:
    """Printed lines as one line, words whole that were parted at a line's end."""
    return " ".join(HYPHENATED.sub(_joined, text).split("\n")) if "\n" in text else text


def without_repeated(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces without the headers and footers of printed pages: lines in the margin that most pages have. Numbers in them may differ,
    so that "Page 3 of 9" is one."""
    pages = {piece.page for piece in pieces if piece.lines}
    counts = Counter(key for _, key in {(piece.page, _key(line)) for piece in pieces if piece.margin for line in piece.text.split("\n")})
    repeated = {key for key, count in counts.items() if count >= max(FEWEST_PAGES, SHARE * len(pages))}
    return [_without(piece, repeated) if piece.margin else piece for piece in pieces]


def _joined(match: re.Match[str]) -> str:
    """Nothing where a small letter goes on, as in "exam-/ple"; else the hyphen, as in "North-/South"."""
    following = match.string[match.end() : match.end() + 1]
    return "" if following.islower() else "-"


def _key(line: str) -> str:
    return DIGITS.sub("0", line.casefold())


def _without(piece: Piece, repeated: set[str]) -> Piece:
    return replace(piece, text="\n".join(line for line in piece.text.split("\n") if _key(line) not in repeated))
