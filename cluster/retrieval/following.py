"""Following a text letter by letter: where its sentences begin and end, and what of it is code."""

from __future__ import annotations

from dataclasses import dataclass, field

from cluster.retrieval.quotes import words

STOPS = frozenset(".!?\u2026\u3002\uff01\uff1f")
# Stops of scripts that leave no space behind them, and what may stand between a stop and the space.
WIDE = frozenset("\u3002\uff01\uff1f")
CLOSING = frozenset("\"'*_)]}\u2019\u201d\u00bb")
BLOCK = 3


@dataclass(slots=True)
class Sentences:
    """``sentence``: the present one so far; it is over when the next one begins. ``before``: the one before it."""

    sentence: str = ""
    before: str = ""
    stopped: bool = False
    _worded: bool = False
    _spaced: bool = False
    _clause: list[str] = field(default_factory=list)
    _cited: bool = False

    def ends(self, letter: str) -> bool:
        """Whether ``letter``, which comes next, begins another sentence. After an abbreviation a sentence goes on in small letters, and the
        number of a list is none."""
        return letter == "\n" or (self._spaced and self._worded and not letter.isspace() and not letter.islower())

    def read(self, letter: str) -> None:
        if self.ends(letter):
            self.before = self.sentence if self.sentence.strip() else self.before
            self.sentence = ""
            self.stopped = self._spaced = self._cited = self._worded = False
            self._clause.clear()
        if self._cited and letter.isalnum():
            self._clause.clear()
            self._cited = False
        self.sentence += letter
        self._worded = self._worded or letter.isalpha()
        self._clause.append(letter)
        if letter.isspace():
            self._spaced = self.stopped
        elif letter not in CLOSING:
            self.stopped, self._spaced = letter in STOPS, letter in WIDE

    def cite(self) -> list[str]:
        """What a citation at this place may be of, the most telling first: the words since the citation before it, the sentence so far. At
        the head of a line there is none; the number of a list is no word."""
        self._cited = True
        return [text for text in ("".join(self._clause), self.sentence) if any(not word.isdigit() for word in words(text))]


@dataclass(slots=True)
class Code:
    """Code between backticks, which ends with as many of them as it began with; a line ends it too, unless it is a block."""

    _ticks: int = 0
    _fence: int = 0

    def read(self, letter: str) -> None:
        if letter == "`":
            self._ticks += 1
            return
        self._settle()
        if letter == "\n" and self._fence < BLOCK:
            self._fence = 0

    @property
    def inside(self) -> bool:
        self._settle()
        return self._fence > 0

    def _settle(self) -> None:
        if self._ticks:
            self._fence = self._ticks if self._fence == 0 else 0 if self._ticks == self._fence else self._fence
            self._ticks = 0
