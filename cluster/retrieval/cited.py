"""An answer whose citations are checked while it is written.

A model cites by ``[1]``, ``[1, 3]`` or ``[1-3]``: numbers of the passages it was shown. A number that there is not is taken out of the
text, and so is one whose passage does not bear out what is said: of the words of the citing sentence, one sentence of the passage must have
the share that the retrieval settings call ``support``. What is looked at, in this order: the words since the citation before; the sentence
up to the number (behind a full stop, the one that ended there); the whole sentence (at the head of a line the one that follows, then the
one before). The first that is borne out counts. What is taken out is counted, and what stays has a quote that stands in the document.

The text is worked on letter by letter, so that the outcome does not depend on how it was cut on its way. It is held back only from a
bracket to where it closes, and, behind a citation that what was said so far does not bear out, to the end of the sentence. Code (between
backticks) is left as it is: brackets are something else there.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from cluster.retrieval.attributed import attributed
from cluster.retrieval.following import Code, Sentences
from cluster.retrieval.passages import Passage
from cluster.retrieval.quotes import Citation, Quotable, Quote

MARKER = re.compile(r" *\[ *\d{1,3}(?: *[-,;\u2013] *\d{1,3})* *\]")
NUMBERS = re.compile(r"(\d{1,3})(?: *[-\u2013] *(\d{1,3}))?")
INSIDE = frozenset("0123456789 -,;\u2013")
LONGEST_MARKER = 48
# Letters that are held back at most, for the end of a sentence that does not come.
LONGEST_WAIT = 600


@dataclass(frozen=True, slots=True)
class Dropped:
    """Citations that were taken out: of a passage that there is not, and of one that does not bear out what is said."""

    missing: int = 0
    unsupported: int = 0


@dataclass(slots=True)
class _Marker:
    """``wanted``: numbers that nothing bears out so far. ``waits``: the rest of the sentence may still do it."""

    spaces: str
    wanted: list[int]
    said: list[str]
    waits: bool
    kept: dict[int, Quote] = field(default_factory=dict)


class CitedText:
    """The text of one answer. What :meth:`feed` and :meth:`close` give, joined, is the text to show; ``citations`` are those in it.
    ``marked``: whether the model wrote any number, dropped ones included."""

    def __init__(self, passages: Sequence[Passage], support: float) -> None:
        self.citations: list[Citation] = []
        self.marked = False
        self._told: list[str] = []
        self._missing = self._unsupported = 0
        self._passages = [Quotable(passage) for passage in passages]
        self._support = support
        self._out: deque[str | _Marker] = deque()
        self._shown = 0
        self._held = ""  # spaces, and what may become a marker
        self._sentences, self._code = Sentences(), Code()
        self._waiting: list[_Marker] = []
        self._waited = 0

    @property
    def dropped(self) -> Dropped:
        return Dropped(self._missing, self._unsupported)

    def feed(self, text: str) -> str:
        """What can be shown now."""
        for letter in text:
            self._step(letter)
        return self._ready()

    def close(self) -> str:
        """The rest; nothing more will come."""
        self._plain(self._held)
        self._held = ""
        self._settle()
        return self._ready()

    def attributed(self, question: str, least: float) -> list[Citation]:
        """Of what was shown, where the model wrote no number: see attributed.py."""
        return [] if self.marked else attributed("".join(self._told), question, self._passages, max(least, self._support))

    def _step(self, letter: str) -> None:
        held, self._held = self._held, ""
        if "[" in held:
            if letter == "]" and MARKER.fullmatch(held + letter):
                self._cite(held + letter)
            elif letter in INSIDE and len(held) < LONGEST_MARKER:
                self._held = held + letter
            else:
                self._plain(held)
                self._step(letter)
        elif (letter == "[" and not self._code.inside) or (letter == " " and len(held) < LONGEST_MARKER):
            self._held = held + letter
        else:
            self._plain(held + letter)

    def _plain(self, text: str) -> None:
        for letter in text:
            self._code.read(letter)
            if self._sentences.ends(letter):
                self._settle()
            self._sentences.read(letter)
            self._out.append(letter)
            self._waited += 1
            if self._waited > LONGEST_WAIT:
                self._settle()

    def _cite(self, marker: str) -> None:
        self.marked = True
        spaces = marker[: marker.index("[")]
        said = self._sentences.cite()
        for space in spaces:
            self._sentences.read(space)
        found = _Marker(spaces, self._numbers(marker), said, waits=not (said and self._sentences.stopped))
        self._check(found)
        self._out.append(found)
        if not found.wanted:
            found.waits = False
        if found.waits:
            self._waited = 0 if not self._waiting else self._waited
            self._waiting.append(found)
        else:
            self._finish(found)

    def _numbers(self, marker: str) -> list[int]:
        """Those of passages that there are; the others are counted."""
        known = len(self._passages)
        numbers: dict[int, None] = {}
        for first, last in NUMBERS.findall(marker):
            for number in range(int(first), min(int(last), known) + 1) if last and int(first) < int(last) else (int(first),):
                numbers[number] = None
            if last and not int(first) < int(last) <= known:
                numbers[int(last)] = None
        self._missing += sum(not 1 <= number <= known for number in numbers)
        return [number for number in numbers if 1 <= number <= known]

    def _check(self, marker: _Marker) -> None:
        """Moves to ``kept`` what one of the texts bears out."""
        for number in tuple(marker.wanted):
            quotes = (self._passages[number - 1].best(text) for text in marker.said)
            quote = next((quote for quote in quotes if quote is not None and quote.share >= self._support), None)
            if quote is not None:
                marker.wanted.remove(number)
                marker.kept[number] = quote

    def _settle(self) -> None:
        """The sentence is over: what it does not bear out is not borne out."""
        for marker in self._waiting:
            marker.said = [self._sentences.sentence] + ([] if marker.said else [self._sentences.before])
            self._check(marker)
            self._finish(marker)
        self._waiting.clear()
        self._waited = 0

    def _finish(self, marker: _Marker) -> None:
        marker.waits = False
        self._unsupported += len(marker.wanted)

    def _ready(self) -> str:
        """Everything up to the first citation that waits."""
        text: list[str] = []
        while self._out:
            first = self._out[0]
            if isinstance(first, _Marker) and first.waits:
                break
            self._out.popleft()
            shown = first if isinstance(first, str) else self._written(first)
            self._shown += len(shown)
            text.append(shown)
        self._told += text
        return "".join(text)

    def _written(self, marker: _Marker) -> str:
        if not marker.kept:
            return ""
        numbers = sorted(marker.kept)
        at = self._shown + len(marker.spaces)
        self.citations += [Citation.of(number, at, self._passages[number - 1].passage, marker.kept[number]) for number in numbers]
        return f"{marker.spaces}[{', '.join(map(str, numbers))}]"
