"""Telling what a model thinks, and what it wants drawn, from what it says - while it is still writing.

A reasoning model wraps its thoughts in ``<think>...</think>``; an interface may ask it to wrap what is to be drawn in
``<ui:NAME attributes>...</ui:NAME>``. Any other angle bracket is text.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

Kind = Literal["text", "thinking", "ui"]

_OPENING = re.compile(r"<(?:(think|thinking)|ui:([a-z][a-z0-9-]{0,31})((?:\s[^<>]*)?))>")
_LITERALS = ("<think>", "<thinking>", "<ui:")
# An opening tag that is longer than this is text.
_LONGEST = 300


@dataclass(frozen=True, slots=True)
class Piece:
    """``name`` and ``attributes`` are those of the ui tag that the text is in; ``index`` counts the stretches, so that two tags of one
    name that follow each other stay two."""

    kind: Kind
    text: str
    name: str = ""
    attributes: str = ""
    index: int = 0


class ThinkingParser:
    """Feed it the answer in chunks of any size: the pieces, joined by kind and index, are the same however it was cut."""

    def __init__(self) -> None:
        self._held = ""
        self._now = Piece("text", "")
        self._closing = ""
        self._after_thinking = False

    def feed(self, chunk: str) -> list[Piece]:
        self._held += chunk
        pieces: list[Piece] = []
        while self._step(pieces):
            pass
        return pieces

    def close(self) -> list[Piece]:
        """What was held back, because it might have become a tag. A thought that was not closed stays a thought."""
        held, self._held = self._held, ""
        pieces: list[Piece] = []
        self._say(held, pieces)
        return pieces

    def _step(self, pieces: list[Piece]) -> bool:
        """Take what is certain from what is held; False: nothing more is, until more comes."""
        at = self._held.find("<")
        if at:
            self._say(self._take(len(self._held) if at < 0 else at), pieces)
            return at > 0
        return self._close_tag(pieces) if self._closing else self._open_tag(pieces)

    def _open_tag(self, pieces: list[Piece]) -> bool:
        found = _OPENING.match(self._held[:_LONGEST])
        if found is not None:
            self._take(found.end())
            thought, name, attributes = found.groups()
            self._closing = f"</{thought or f'ui:{name}'}>"
            self._turn(Piece("thinking", "") if thought else Piece("ui", "", name, attributes.strip()))
            if not thought:
                pieces.append(self._now)  # a tag that stays empty is drawn too
            return True
        if not _may_open(self._held):
            self._say(self._take(1), pieces)
            return True
        return False

    def _close_tag(self, pieces: list[Piece]) -> bool:
        if self._held.startswith(self._closing):
            self._take(len(self._closing))
            self._after_thinking = self._now.kind == "thinking"
            self._closing = ""
            self._turn(Piece("text", ""))
            return True
        if not self._closing.startswith(self._held):
            self._say(self._take(1), pieces)
            return True
        return False

    def _turn(self, piece: Piece) -> None:
        self._now = replace(piece, index=self._now.index + 1)

    def _take(self, count: int) -> str:
        taken, self._held = self._held[:count], self._held[count:]
        return taken

    def _say(self, text: str, pieces: list[Piece]) -> None:
        if self._after_thinking and self._now.kind == "text":
            text = text.lstrip("\n")  # models leave a gap between the thought and the answer
        if text:
            self._after_thinking = False
            pieces.append(replace(self._now, text=text))


def _may_open(held: str) -> bool:
    """Whether ``held``, which begins with a bracket and is no whole tag, can become one."""
    if any(literal.startswith(held) for literal in _LITERALS):
        return True
    return held.startswith("<ui:") and len(held) < _LONGEST and "<" not in held[1:] and ">" not in held


def joined(pieces: list[Piece]) -> list[Piece]:
    """``pieces`` with those of one stretch put together."""
    whole: list[Piece] = []
    for piece in pieces:
        if whole and whole[-1].index == piece.index:
            whole[-1] = replace(whole[-1], text=whole[-1].text + piece.text)
        else:
            whole.append(piece)
    return whole
