"""An answer, put together from its events: the same for whoever wrote them and for whoever finds them after a crash."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from api.streams.thinking import Piece
from cluster.contracts.generation import GenerationDelta, GraphAnswer, Provenance, Usage

Content = dict[str, Any]


def piece_event(piece: Piece) -> Content:
    content: Content = {"type": piece.kind, "text": piece.text}
    if piece.kind == "ui":
        content |= {"name": piece.name, "attributes": piece.attributes}
    return content | {"part": piece.index}


def finish_event(status: str, reason: str | None, usage: Usage | None, remark: str | None, latency_ms: int | None) -> Content:
    counts = None
    if usage is not None:
        counts = {
            "prompt_tokens": usage.prompt_tokens,
            "completion_tokens": usage.completion_tokens,
            "total_tokens": usage.total_tokens,
            "cached_tokens": usage.cached_tokens,
            "estimated": usage.estimated,
        }
    return {"type": "finish", "status": status, "reason": reason, "usage": counts, "remark": remark, "latency_ms": latency_ms}


def source_event(provenance: Provenance) -> Content:
    failed = [{"model": one.model, "code": one.code, "reason": one.reason} for one in provenance.fallbacks]
    told = {"type": "source", "served_by": provenance.served_by, "fallbacks": failed, "cached": provenance.cached}
    return told if provenance.release is None else told | {"release": provenance.release}


def run_events(run: GraphAnswer) -> list[Content]:
    """Which run answered, and what it cites."""
    told: list[Content] = [{"type": "run", "id": run.run_id, "graph": run.graph, "state": run.state}]
    cited = [one for one in run.citations if isinstance(one, dict)]
    return [*told, {"type": "citations", "citations": cited}] if cited else told


def calls_of(delta: GenerationDelta) -> list[Content]:
    return [
        {"type": "tool_call", "index": piece.index, "id": piece.id, "name": piece.name, "arguments": piece.arguments}
        for piece in delta.tool_calls
    ]


@dataclass(slots=True)
class Folded:
    """``tokens``: what was seen. ``source``: the event that says who answers, where it need not be the model that was asked. ``finish``:
    the one that says how it ended, None while it has not."""

    parts: list[Content] = field(default_factory=list)
    thinking: str = ""
    calls: dict[int, Content] = field(default_factory=dict)
    tokens: int = 0
    first_token_ms: int | None = None
    source: Content | None = None
    citations: list[Content] = field(default_factory=list)
    finish: Content | None = None
    ended: bool = False
    _part: int = -1

    @property
    def began(self) -> bool:
        return bool(self.parts or self.thinking or self.calls)

    def add(self, content: Content, tokens: int) -> None:
        self.tokens += tokens
        kind = content["type"]
        if kind == "thinking":
            self.thinking += content["text"]
        elif kind in {"text", "ui"}:
            self._add_part(content)
        elif kind == "tool_call":
            self._add_call(content)
        elif kind == "first":
            self.first_token_ms = content["after_ms"]
        elif kind == "source":
            self.source = content
        elif kind == "citations":
            self.citations = content["citations"]
        elif kind == "finish":
            self.finish = content
        elif kind == "end":
            self.ended = True

    @property
    def usage(self) -> Usage:
        """The engine's count, else what was seen."""
        told = (self.finish or {}).get("usage")
        if told is None:
            return Usage(0, self.tokens, estimated=True)
        return Usage(told["prompt_tokens"], told["completion_tokens"], told["cached_tokens"], told["estimated"])

    def _add_part(self, content: Content) -> None:
        if self.parts and self._part == content["part"]:
            self.parts[-1]["text"] += content["text"]
        else:
            self.parts.append({name: value for name, value in content.items() if name != "part"})
        self._part = content["part"]

    def _add_call(self, content: Content) -> None:
        call = self.calls.setdefault(content["index"], {"id": "", "name": "", "arguments": ""})
        call["id"] = content["id"] or call["id"]
        call["name"] = content["name"] or call["name"]
        call["arguments"] += content["arguments"]
