"""Makes text what a reader sees: composed letters, no invisible characters, words whole again, and no line that every page repeats."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from pipelines.stages.pieces import Piece

# Control characters but tab and newline; soft hyphens, joiners of nothing, marks of byte order, and characters that turn the direction of
# writing or hide text in tags. Zero-width joiners stay: Persian, Hindi and emoji are written with them.
DROPPED = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f\ufeff\ufff9-\ufffb\ud800-\udfff\U000e0000-\U000e007f]"
)
LINE_ENDS = re.compile("\r\n?|\u2028|\u2029|\x0b|\x0c|\x85")
SPACES = re.compile("[ \t\u00a0\u1680\u2000-\u200a\u202f\u205f\u3000]+")
HYPHENATED = re.compile(r"(?<=[^\W\d_])[-\u2010](?: )?\n(?=[^\W\d_])")
DIGITS = re.compile(r"\d+")
# A line that stands in the margin of this share of the pages, and of at least so many, is a header or footer.
SHARE, FEWEST_PAGES = 0.6, 3


def clean_text(text: str, keep_spaces: bool = False) -> str:
    """The text composed (NFC), with plain line ends and without invisible characters; ``keep_spaces``: indentation means something."""
    text = DROPPED.sub("", LINE_ENDS.sub("\n", unicodedata.normalize("NFC", text)))
    # Dropping what stood between two letters may have made them a pair that composes.
    text = unicodedata.normalize("NFC", text)
    if keep_spaces:
        return text.strip("\n")
    return "\n".join(SPACES.sub(" ", line).strip() for line in text.split("\n")).strip("\n")


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
