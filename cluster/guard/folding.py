"""Text as a reader hears it: one form for letters that look alike, nothing invisible; every place leads back to the original."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field

# Letters of other scripts that look like Latin ones. They are taken for these only in words that mix scripts, or have no others.
ALIKE = str.maketrans(
    "аеорсухівѕјһԁԛԝмнтгкпАВЕКМНОРСТХІЅЈԌZΑΒΕΖΗΙΚΜΝΟΡΤΥΧαοιρυνκτεɡıᴀʙᴄᴅᴇɢʜɪᴊᴋʟᴍɴᴏᴘʀᴛᴜᴠᴡʏᴢꜱꜰ",
    "aeopcyxibsjhdqwmhtrknABEKMHOPCTXISJGZABEZHIKMNOPTYXaoipuvkteg" + "iabcdeghijklmnoprtuvwyzsf",
)
# Digits and signs that stand for letters in words such as 1gn0re.
LEET = str.maketrans("013457@$!", "oieastasi")
_WIDE = re.compile(r"[\t\r\n ]{2}|[\t\r\f\v]")
_WORDS = re.compile(r"\w++")
_SPACES = frozenset(" \t\r\f\v\u00a0\u1680\u202f\u205f\u3000") | {chr(code) for code in range(0x2000, 0x200B)}


@dataclass(frozen=True, slots=True)
class Folded:
    """``text``: lower case, Latin letters for those that look like them, one space for several. ``places``: for each of its characters,
    where it stands in the original; None: it is as long as the original. ``tags``: what invisible tag characters say."""

    text: str
    places: Sequence[int] | None
    tags: str = ""

    def span(self, start: int, end: int) -> tuple[int, int]:
        """Where a piece of it, which is not empty, stands in the original."""
        if self.places is None:
            return start, end
        return self.places[start], self.places[end - 1] + 1


@dataclass(slots=True)
class _Folding:
    """One pass over a text."""

    letters: list[str] = field(default_factory=list)
    places: list[int] = field(default_factory=list)
    tags: list[str] = field(default_factory=list)

    def add(self, character: str, place: int) -> None:
        if character in _SPACES or character == "\n":
            character = "\n" if character == "\n" else " "
            if self.letters and self.letters[-1] in " \n":
                # Of a run of space one is left, a line's end where there was one.
                self.letters[-1] = "\n" if character == "\n" else self.letters[-1]
                return
        self.letters.append(character)
        self.places.append(place)


def fold(text: str) -> Folded:
    """Linear in the text. Accents go (``ignorér`` is ``ignorer``), so patterns are written without them."""
    if text.isascii() and _WIDE.search(text) is None:
        return Folded(text.lower(), None)
    folding = _Folding()
    for place, character in enumerate(text):
        if character.isascii():
            folding.add(character, place)
        else:
            _unfold(folding, character, place)
    return Folded(_latin("".join(folding.letters)).lower(), folding.places, "".join(folding.tags))


def _unfold(folding: _Folding, character: str, place: int) -> None:
    """One that is not ASCII: what it is made of, without marks and what nobody sees."""
    if 0xE0020 <= ord(character) <= 0xE007E:
        # Tag characters are ASCII that no font shows.
        folding.tags.append(chr(ord(character) - 0xE0000))
        return
    # At most 18 characters for one; no more than a few are ever meant.
    for piece in unicodedata.normalize("NFKD", character)[:18]:
        if unicodedata.category(piece) not in {"Mn", "Me", "Cf"}:
            folding.add(piece if len(piece.lower()) == 1 else "?", place)


def _latin(text: str) -> str:
    """Latin letters in the words that mix them with others, and in those that are made of nothing but letters that look like them."""
    return text if text.isascii() else _WORDS.sub(_swapped, text)


def _swapped(word: re.Match[str]) -> str:
    before = word.group()
    after = before.translate(ALIKE)
    mixed = any(letter.isascii() and letter.isalpha() for letter in before)
    return after if mixed or after.isascii() else before


def unleet(text: str) -> str:
    """Letters for the digits that stand for them, of the same length."""
    return text.translate(LEET)
