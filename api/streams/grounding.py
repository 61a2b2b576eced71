"""Answers from documents in a conversation: what the model is given, and the check of what it cites while it writes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable, Sequence
from dataclasses import replace
from typing import Any

from pydantic import TypeAdapter

from api.retrieval.citations import CitationAnswer, KnowledgeAnswer
from api.streams.context import Context
from api.streams.fitting import Draft
from api.streams.thinking import Piece
from cluster.contracts.generation import GenerationDelta, Message, Usage
from cluster.retrieval.briefing import Briefing
from cluster.retrieval.cited import CitedText, Dropped
from cluster.retrieval.quotes import Citation

KEY = "knowledge"
_BRIEFING = TypeAdapter(Briefing)


def packed_briefing(briefing: Briefing | None) -> dict[str, Any]:
    """As it stands in the request that is kept, so that any process can check the answer."""
    return {} if briefing is None else {KEY: _BRIEFING.dump_python(briefing, mode="json")}


def unpacked_briefing(kept: dict[str, Any]) -> Briefing | None:
    return _BRIEFING.validate_python(kept[KEY]) if kept.get(KEY) else None


def grounded(context: Context, briefing: Briefing) -> Context:
    """The same with the passages in what the user said last, and what to do with them in the instructions; for a model that reads nothing
    but a passage and a question, these alone."""
    at = next((at for at in reversed(range(len(context.lines))) if context.lines[at].message.role == "user"), None)
    if at is None:
        return context
    line = context.lines[at]
    asked = replace(line, message=briefing.asked(line.message))
    if briefing.form == "passage":
        return Context(None, (asked,))
    system = f"{context.system}\n\n{briefing.instruction}" if context.system else briefing.instruction
    return Context(system, (*context.lines[:at], asked, *context.lines[at + 1 :]))


def briefed(draft: Draft, briefing: Briefing | None) -> Draft:
    """The same, answered from documents."""
    if briefing is None:
        return draft
    return replace(draft, context=grounded(draft.context, briefing), request=briefing.request(draft.request))


def asked_last(messages: Iterable[tuple[str, str]]) -> tuple[Message, ...]:
    """Of roles and texts in order, the last of a user, as what is searched for."""
    return tuple(Message("user", text) for role, text in messages if role == "user")[-1:]


async def told(text: str) -> AsyncGenerator[Sequence[GenerationDelta], None]:
    """An answer that no model has to write."""
    yield GenerationDelta(text=text), GenerationDelta(finish_reason="stop", usage=Usage())


class Citing:
    """Between what is told of a model's text and where it is written. Each stretch of text is checked by itself: what stands between two
    (a thought, something drawn) ends a sentence. ``at`` of citations counts characters of the message's text."""

    def __init__(self, briefing: Briefing) -> None:
        self.briefing = briefing
        self._citations: list[Citation] = []
        self._attributed: list[Citation] = []
        self._marked = False
        self._missing = self._unsupported = 0
        self._text: CitedText | None = None
        self._stretch = Piece("text", "")
        self._shown: int | None = None  # index of the stretch that was shown last
        self._length = self._start = 0

    def pieces(self, pieces: Sequence[Piece]) -> list[Piece]:
        """What can be written of them now."""
        written: list[Piece] = []
        for piece in pieces:
            if piece.kind != "text" or piece.index != self._stretch.index:
                written += self.close()
            if piece.kind == "text":
                written += self._fed(piece)
            else:
                self._measure(piece)
                written.append(piece)
        return written

    def close(self) -> list[Piece]:
        """What was held back of the present stretch, which is over."""
        text, self._text = self._text, None
        if text is None:
            return []
        rest = self._measured(text.close())
        self._citations += self._placed(text.citations)
        self._attributed += self._placed(self.briefing.attributed(text))
        self._marked = self._marked or text.marked
        self._missing += text.dropped.missing
        self._unsupported += text.dropped.unsupported
        return rest

    def recover(self, parts: Iterable[dict[str, Any]]) -> None:
        """Of an answer that another process had begun to write: what it cites."""
        for index, part in enumerate(parts):
            self.pieces([Piece("text" if part["type"] == "text" else "ui", part["text"], index=index)])
        self.close()

    def event(self) -> dict[str, Any]:
        """What it cites, and of what. The last of its words."""
        found = self._citations if self._marked else self._attributed
        citations = [CitationAnswer.of(citation).model_dump(mode="json") for citation in found]
        dropped = Dropped(self._missing, self._unsupported)
        return {"type": "citations", "citations": citations, KEY: KnowledgeAnswer.of(self.briefing, dropped).model_dump(mode="json")}

    def _placed(self, citations: Iterable[Citation]) -> list[Citation]:
        """Those of a stretch, as they stand in the message."""
        return [replace(citation, at=citation.at + self._start) for citation in citations]

    def _fed(self, piece: Piece) -> list[Piece]:
        if self._text is None:
            self._text, self._stretch = self.briefing.cited(), replace(piece, text="")
        return self._measured(self._text.feed(piece.text))

    def _measured(self, text: str) -> list[Piece]:
        if not text:
            return []
        shown = replace(self._stretch, text=text)
        self._measure(shown)
        return [shown]

    def _measure(self, piece: Piece) -> None:
        """A message's text has its parts on lines of their own; thoughts are no part of it."""
        if piece.kind == "thinking" or not piece.text:
            return
        if piece.index != self._shown:
            self._length += 1 if self._length else 0
            self._shown, self._start = piece.index, self._length
        self._length += len(piece.text)
