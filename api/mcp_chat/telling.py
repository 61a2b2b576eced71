"""What a chat with tools tells whoever reads along: the events of a prepared stream, and those of its calls."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from api.mcp_chat.schemas import McpCall
from api.streams.fold import Content, finish_event, piece_event, source_event
from api.streams.grounding import Citing
from api.streams.thinking import Piece, ThinkingParser
from cluster.contracts.generation import GenerationDelta, Usage
from cluster.retrieval.briefing import Briefing
from cluster.tools.loop import Asks, Began, Ended, LoopEvent, Said
from cluster.tools.offer import Wanted


@dataclass(frozen=True, slots=True)
class Spoken:
    """What a model said in one turn. ``cited``: the event that says what of documents it cites; None where it answers from none."""

    text: str
    thinking: str
    cited: Content | None

    @property
    def citations(self) -> list[dict[str, Any]]:
        return self.cited["citations"] if self.cited is not None else []


class Telling:
    """``most``: characters of a summary. ``approval_s``: how long somebody has to approve. ``briefing``: the documents that are cited."""

    def __init__(self, most: int, approval_s: float, briefing: Briefing | None = None) -> None:
        self.most = most
        self._approval_s = approval_s
        self._parser = ThinkingParser()
        self._parts = 0
        self._part = 0
        self._text = ""
        self._thinking = ""
        self._briefing = briefing
        self._citing = None if briefing is None else Citing(briefing)

    def of(self, event: LoopEvent) -> list[Content]:
        if isinstance(event, Said):
            return [content for delta in event.deltas for content in self._said(delta)]
        if isinstance(event, Began):
            return [*self._close(), _about(event.wanted, "tool_started") | {"arguments": event.wanted.call.arguments}]
        if isinstance(event, Asks):
            told = _about(event.wanted, "approval") | {"approval_id": event.approval, "arguments": event.wanted.call.arguments}
            return [told | {"expires_in_s": self._approval_s}]
        if isinstance(event, Ended):
            told = {"outcome": event.outcome, "summary": event.text[: self.most], "ms": event.ms, "flagged": list(event.flagged)}
            return [_about(event.wanted, "tool_finished") | told]
        rest = self._close()
        return [*rest, self._citing.event()] if self._citing is not None and event.last else rest

    def end_turn(self) -> Spoken:
        """What was said and thought in the turn; another begins."""
        self._close()
        said = Spoken(self._text, self._thinking, None if self._citing is None else self._citing.event())
        self._text = self._thinking = ""
        self._citing = None if self._briefing is None else Citing(self._briefing)
        self._parser, self._parts = ThinkingParser(), self._parts + self._part + 1
        self._part = 0
        return said

    def finish(self, reason: str, usage: Usage, turns: int, message_id: uuid.UUID | None, latency_ms: int) -> list[Content]:
        told = [finish_event("complete", reason, usage, None, latency_ms) | {"rounds": turns}]
        return told if message_id is None else [*told, {"type": "end", "message_id": str(message_id)}]

    def _said(self, delta: GenerationDelta) -> list[Content]:
        contents: list[Content] = [source_event(delta.provenance)] if delta.provenance else []
        if delta.reasoning:
            self._thinking += delta.reasoning
            contents.append({"type": "thinking", "text": delta.reasoning, "part": -1})
        pieces = self._parser.feed(delta.text)
        return contents + self._told(pieces if self._citing is None else self._citing.pieces(pieces))

    def _close(self) -> list[Content]:
        pieces = self._parser.close()
        return self._told(pieces if self._citing is None else [*self._citing.pieces(pieces), *self._citing.close()])

    def _told(self, pieces: Sequence[Piece]) -> list[Content]:
        """Stretches are counted on through all turns."""
        told = []
        for piece in pieces:
            self._part = max(self._part, piece.index)
            if piece.kind == "thinking":
                self._thinking += piece.text
            else:
                self._text += piece.text
            told.append(piece_event(piece) | {"part": self._parts + piece.index})
        return told


def call_of(event: Ended, most: int) -> McpCall:
    call = event.wanted.call
    return McpCall(
        id=call.id,
        name=call.name,
        arguments=call.arguments,
        outcome=event.outcome,
        summary=event.text[:most],
        ms=event.ms,
        flagged=list(event.flagged),
    )


def _about(wanted: Wanted, kind: str) -> Content:
    title = wanted.spec.title if wanted.spec else wanted.call.name
    return {"type": kind, "id": wanted.call.id, "name": wanted.call.name, "title": title}
