"""The chunks of a streamed chat answer, written by hand: a stream costs one join and one JSON string per token instead of a model, a dump
and a write. Everything that stays the same is written once per stream."""

from __future__ import annotations

import json
from collections.abc import Sequence

from pydantic_core import to_json

from api.chat.answers import HearthAnswer, LogprobsAnswer, ProvenanceAnswer
from api.chat.grounded import GroundedChoice
from api.generation.schemas import UsageAnswer
from api.web.sse import event
from cluster.contracts.generation import GenerationDelta, ToolCallDelta, Usage


class ChatChunks:
    """``asked``: id of the model. ``most_calls``: tool calls from this index on are left out (parallel_tool_calls: false). ``grounded``:
    the choices, where they are answered from documents; their last chunks carry the citations."""

    def __init__(
        self,
        head: dict[str, str | int],
        asked: str,
        *,
        wants_usage: bool,
        most_calls: int | None,
        grounded: Sequence[GroundedChoice] = (),
    ) -> None:
        self._head = json.dumps(head, separators=(",", ":"))[:-1] + ',"choices":['
        # OpenAI sends "usage": null in every chunk but the last when usage was asked for, and no key at all when it was not.
        self._tail = '],"usage":null}\n\n' if wants_usage else "]}\n\n"
        self._asked = asked
        self._most_calls = most_calls
        self._grounded = grounded

    def opening(self, index: int) -> str:
        """The chunk that begins choice ``index``."""
        return self._event(index, '{"role":"assistant","content":"","refusal":null}', "null", "null")

    def deltas(self, index: int, batch: Sequence[GenerationDelta]) -> str:
        """The chunks of ``batch``, one after the other, to be written at once."""
        return "".join([self._delta(index, delta) for delta in batch])

    def usage(self, usage: Usage) -> bytes:
        """The chunk with no choices that ``include_usage`` asks for."""
        return event(f'{self._head}],"usage":'.encode() + to_json(UsageAnswer.of(usage)) + b"}")

    def _delta(self, index: int, delta: GenerationDelta) -> str:
        grounded = self._grounded[index] if self._grounded else None
        if grounded is not None:
            delta = grounded.piece(delta)
        finish = f'"{delta.finish_reason}"' if delta.finish_reason else "null"
        last = grounded if delta.finish_reason else None
        if delta.text and not (delta.reasoning or delta.tool_calls or delta.logprobs or delta.provenance or last or delta.run):
            return self._event(index, '{"content":' + json.dumps(delta.text) + "}", "null", finish)
        calls = [piece for piece in delta.tool_calls if self._most_calls is None or piece.index < self._most_calls]
        fields = [
            '"content":' + json.dumps(delta.text) if delta.text else "",
            '"reasoning_content":' + json.dumps(delta.reasoning) if delta.reasoning else "",
            '"tool_calls":[' + ",".join(_tool_call(piece) for piece in calls) + "]" if calls else "",
            '"citations":' + to_json(last.citations).decode() if last else "",
        ]
        body = ",".join(field for field in fields if field)
        told = ProvenanceAnswer.of(delta.provenance, self._asked)
        if not body and not delta.finish_reason and told is None and not (grounded and delta.logprobs):
            return ""
        logprobs = LogprobsAnswer.of(delta.logprobs)
        more = f',"provenance":{to_json(told).decode()}' if told else ""
        hearth = HearthAnswer.of(last.knowledge if last else None, delta.run)
        more += f',"hearth":{to_json(hearth).decode()}' if hearth else ""
        return self._event(index, "{" + body + "}", to_json(logprobs).decode() if logprobs else "null", finish + more)

    def _event(self, index: int, delta: str, logprobs: str, finish: str) -> str:
        return f'data: {self._head}{{"index":{index},"delta":{delta},"logprobs":{logprobs},"finish_reason":{finish}}}{self._tail}'


def _tool_call(piece: ToolCallDelta) -> str:
    function: dict[str, str] = {"arguments": piece.arguments}
    fields: dict[str, object] = {"index": piece.index, "function": function}
    if piece.id is not None:
        fields |= {"id": piece.id, "type": "function"}
    if piece.name is not None:
        function["name"] = piece.name
    return json.dumps(fields, separators=(",", ":"))
