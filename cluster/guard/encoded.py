"""Pieces of a text that say something only once they are decoded: one level, and no more than they were long."""

from __future__ import annotations

import base64
import binascii
import html
import re
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# What is shorter says nothing; what is longer is read in pieces of this length.
SHORTEST, LONGEST = 24, 8_000

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,8000}+={0,2}")
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:(?:\\x|0x)?[0-9A-Fa-f]{2}[ ,:]?){16,4000}+")
_PERCENT = re.compile(r"(?:[^\s%]{0,40}%[0-9A-Fa-f]{2}){4,2000}+[^\s%]{0,200}")
_ENTITIES = re.compile(r"(?:[^\n&]{0,40}&#x?[0-9A-Fa-f]{1,6};){4,2000}+[^\n&]{0,200}")
_ESCAPES = re.compile(r"(?:[^\n\\]{0,40}\\(?:u[0-9A-Fa-f]{4}|x[0-9A-Fa-f]{2})){4,2000}+[^\n\\]{0,200}")
_ESCAPE = re.compile(r"\\(?:u([0-9A-Fa-f]{4})|x([0-9A-Fa-f]{2}))")
_NOT_HEX = re.compile(r"\\x|0x|[ ,:]")
_LETTERS = re.compile(r"[^\W\d_]{3}")


@dataclass(frozen=True, slots=True)
class Decoded:
    """What the piece from ``start`` to ``end`` says."""

    start: int
    end: int
    text: str


def decoded(text: str) -> Iterator[Decoded]:
    """All pieces that decode to readable text. Each kind of coding is looked for in one pass."""
    for pattern, read in _KINDS:
        for match in pattern.finditer(text):
            said = read(match.group())
            if said is not None and _LETTERS.search(said):
                yield Decoded(match.start(), match.end(), said)


def _base64(piece: str) -> str | None:
    bare = piece.rstrip("=").translate(str.maketrans("-_", "+/"))
    # A last letter alone carries less than a byte.
    whole = bare[: len(bare) - (len(bare) % 4 == 1)]
    try:
        return _readable(base64.b64decode(whole + "=" * (-len(whole) % 4)))
    except binascii.Error:
        return None


def _hex(piece: str) -> str | None:
    return _readable(bytes.fromhex(_NOT_HEX.sub("", piece)))


def _readable(content: bytes) -> str | None:
    try:
        said = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    odd = sum(not (letter.isprintable() or letter in "\n\t\r") for letter in said)
    return said if odd * 20 <= len(said) else None


def _unescaped(piece: str) -> str:
    return _ESCAPE.sub(lambda found: chr(int(found[1] or found[2], 16)), piece)


_KINDS: tuple[tuple[re.Pattern[str], Callable[[str], str | None]], ...] = (
    (_BASE64, _base64),
    (_HEX, _hex),
    (_PERCENT, urllib.parse.unquote),
    (_ENTITIES, html.unescape),
    (_ESCAPES, _unescaped),
)
