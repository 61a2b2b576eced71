"""Pieces of a text that say something only once they are decoded: one level, and no more than they were long."""

from __future__ import annotations

import base64
import binascii
import html
import re
import urllib.parse
from collections.abc import Callable, Iterator
from dataclasses import dataclass

# With fewer signs of it a line is not taken for encoded.
FEWEST = 4

_BASE64 = re.compile(r"(?<![A-Za-z0-9+/_-])[A-Za-z0-9+/_-]{24,8000}+={0,2}")
_HEX = re.compile(r"(?<![0-9A-Fa-f])(?:(?:\\x|0x)?[0-9A-Fa-f]{2}[ ,:]?){16,4000}+")
_LINE = re.compile(r"[^\n]{1,8000}+")
_PERCENT = re.compile(r"%[0-9A-Fa-f]{2}")
_ENTITY = re.compile(r"&#x?[0-9A-Fa-f]{1,6};")
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
    """All pieces that decode to readable text. Each kind of coding is looked for in one pass; of percents, entities and escapes, of which
    words may be only a part, whole lines are read."""
    for pattern, read in ((_BASE64, _base64), (_HEX, _hex)):
        for match in pattern.finditer(text):
            said = read(match.group())
            if said is not None and _LETTERS.search(said):
                yield Decoded(match.start(), match.end(), said)
    for sign, pattern, unescape in _ESCAPED:
        if text.count(sign) >= FEWEST:
            for line in _LINE.finditer(text):
                if line.group().count(sign) >= FEWEST and len(pattern.findall(line.group())) >= FEWEST:
                    yield Decoded(line.start(), line.end(), unescape(line.group()))


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


_ESCAPED: tuple[tuple[str, re.Pattern[str], Callable[[str], str]], ...] = (
    ("%", _PERCENT, urllib.parse.unquote),
    ("&#", _ENTITY, html.unescape),
    ("\\", _ESCAPE, _unescaped),
)
